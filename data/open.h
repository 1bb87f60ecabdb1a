// Data sets by name, as the programs take them: --data cifar10:DIR.
#pragma once

#include <string>
#include <vector>

#include "papilio/data/dataset.h"
#include "papilio/data/image_folder.h"

namespace papilio::data {

/// Opens "cifar10:DIR", "fashion-mnist[:DIR]", "mnist:DIR", "imagenet:DIR" or "amat:PATH", or a
/// variation of another set: "bg-rot:SET", "bg-rot:SET+PICTURES" with a set for the backgrounds (a
/// "+" that is part of a folder's name is taken as such, unless a set's name and a colon follow),
/// and "noise-1:SET" to "noise-6:SET" (see amat.h, variations.h). `input` has keys of
/// DatasetInfo::input; height, width and channels say which images are wanted, and the set is
/// turned to grayscale or padded to give them; without them `grayscale` and `pad` alone may stand.
/// {} is the set's own choice: CIFAR-10 in colour, the MNIST family padded to 32 x 32, folders
/// of pictures at 224 x 224, to which alone `folder` applies. Throws Error
/// that lists the valid names, or says why the set does not fit.
AnyDataset open(const std::string& spec, Split split, const Config& input = Config::object(),
                const FolderOptions& folder = {});

/// False for sets of digits, which a mirror makes something else: MNIST files and their variations,
/// but for those named as Fashion-MNIST. Opens nothing.
bool mirror_keeps_class(const std::string& spec);

/// The valid forms of `spec`, for help texts.
std::vector<std::string> open_forms();

}  // namespace papilio::data
