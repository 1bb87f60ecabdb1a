#include "papilio/data/open.h"

#include <optional>

#include "papilio/data/amat.h"
#include "papilio/data/cifar10.h"
#include "papilio/data/idx.h"
#include "papilio/data/variations.h"

namespace papilio::data {
namespace {

struct Choice {
  bool grayscale;
  int64_t pad;
};

struct Source {
  const char* name;
  const char* directory;  // null: it must be given
  int64_t side, channels;
  bool pads;
  int64_t pad;        // when nothing else is asked for
  bool mirror_keeps;  // a mirrored image is still one of its class: not a digit
  AnyDataset (*open)(const std::string& directory, Split split, Choice choice);

  std::string form() const { return std::string(name) + (directory ? "[:DIR]" : ":DIR"); }
};

const Source kSources[] = {
    {"cifar10", nullptr, 32, 3, false, 0, true,
     [](const std::string& directory, Split split, Choice choice) -> AnyDataset {
       return cifar10(directory, split, {.grayscale = choice.grayscale});
     }},
    {"fashion-mnist", kFashionMnistDirectory, 28, 1, true, 2, true,
     [](const std::string& directory, Split split, Choice choice) -> AnyDataset {
       return fashion_mnist(directory, split, {.pad = choice.pad});
     }},
    {"mnist", nullptr, 28, 1, true, 2, false,
     [](const std::string& directory, Split split, Choice choice) -> AnyDataset {
       return mnist(directory, split, {.pad = choice.pad});
     }},
    {"amat", nullptr, 28, 1, true, 2, false,
     [](const std::string& path, Split split, Choice choice) -> AnyDataset {
       return amat(path, split, {.pad = choice.pad});
     }},
};

constexpr const char* kFolder = "imagenet";
constexpr std::string_view kRotation = "bg-rot:", kNoise = "noise-";

const Source& named(const std::string& name) {
  for (const Source& source : kSources)
    if (name == source.name) return source;
  std::string forms;
  for (const std::string& form : open_forms()) forms += (forms.empty() ? "" : ", ") + form;
  fail("data: there is no data set ", name.empty() ? "without a name" : name,
       "; the valid ones are ", forms);
}

Choice choose(const Source& source, const Config& input) {
  // The last two say how picture files become images, and mean nothing here.
  input.expect_keys({"height", "width", "channels", "grayscale", "pad", "resize", "exif"},
                    "data: the input");
  const bool sized = input.contains("height") || input.contains("width");
  const int64_t height = input.get("height", input.get("width", source.side));
  const int64_t width = input.get("width", height);
  const int64_t pad =
      sized ? (height - source.side) / 2 : input.get("pad", source.pads ? source.pad : 0);
  const bool grayscale = input.contains("channels") ? input.get("channels", source.channels) == 1
                                                    : input.get("grayscale", source.channels == 1);
  const int64_t channels = input.get("channels", grayscale ? 1 : source.channels);
  const int64_t side = source.side + 2 * pad;
  const bool fits = pad >= 0 && (pad == 0 || source.pads) &&
                    (channels == source.channels || grayscale) &&
                    (!sized || (height == side && width == side)) &&
                    input.get("grayscale", grayscale) == grayscale;
  check(fits, "data: ", source.name, " can't give the input ", input.dump(), ": its images are ",
        Shape{source.side, source.side, source.channels},
        source.channels == 3 ? ", in grayscale if wanted" : "",
        source.pads ? ", with the same number of zeros on each side if wanted" : "",
        "; take another data set or a model made for this one");
  return {grayscale, pad};
}

// Where the "+" of "SET+PICTURES" is: the first one before the name of a set, as folders may have
// one in their names too.
size_t plus_of(const std::string& sets) {
  for (size_t plus = sets.find('+'); plus != std::string::npos; plus = sets.find('+', plus + 1)) {
    const std::string after = sets.substr(plus + 1);
    const auto begins = [&](const std::string& name) { return after.starts_with(name + ":"); };
    if (begins(kFolder)) return plus;
    for (const Source& source : kSources)
      if (begins(source.name) || (source.directory && after == source.name)) return plus;
  }
  return std::string::npos;
}

bool is_variation(const std::string& spec) {
  return spec.starts_with(kRotation) || spec.starts_with(kNoise);
}

// "bg-rot:SET+PICTURES" and "noise-LEVEL:SET".
std::optional<AnyDataset> open_variation(const std::string& spec, Split split,
                                         const Config& input) {
  const bool rotation = spec.starts_with(kRotation);
  if (!is_variation(spec)) return {};
  const std::string name = spec.substr(0, spec.find(':'));
  check(spec.size() > name.size() + 1, "data: ", name, " varies another data set; write ", name,
        ":SET, such as ", name, ":mnist:DIR");
  const std::string rest = spec.substr(name.size() + 1);
  const size_t plus = rotation ? plus_of(rest) : std::string::npos;
  const std::string set = rest.substr(0, plus);
  check(!is_variation(set), "data: ", spec, " varies a variation; give the plain set");
  const AnyDataset train = open(set, Split::train, {{"pad", 0}, {"grayscale", true}}),
                   test = open(set, Split::test, {{"pad", 0}, {"grayscale", true}});
  const Shape shape = train.image_shape().value_or(train.get(0).image.shape());
  const Source source{name.c_str(), nullptr, shape[0], 1, true, 2, false, nullptr};
  const VariationOptions options{.pad = choose(source, input).pad};
  if (!rotation) {
    const std::string level = name.substr(kNoise.size());
    check(level.size() == 1 && level[0] >= '1' && level[0] <= '6', "data: ", spec,
          " has no level from noise-1 (smooth) to noise-6 (independent pixels)");
    return over_noise(train, test, level[0] - '0', split, options);
  }
  std::optional<AnyDataset> pictures;
  if (plus != std::string::npos) pictures = open(rest.substr(plus + 1), Split::train);
  return rotated_on_pictures(train, test, pictures, split, options);
}

}  // namespace

AnyDataset open(const std::string& spec, Split split, const Config& input,
                const FolderOptions& folder) {
  const size_t colon = spec.find(':');
  if (spec.substr(0, colon) == kFolder) {
    const std::string directory = colon == std::string::npos ? "" : spec.substr(colon + 1);
    check(!directory.empty(), "data: ", kFolder, " needs a directory; write ", kFolder, ":DIR");
    return ImageFolder(directory, split, input, folder);
  }
  const Config& wanted = input.is_null() ? Config::object() : input;
  if (auto varied = open_variation(spec, split, wanted)) return *varied;
  const Source& source = named(spec.substr(0, colon));
  std::string directory = colon == std::string::npos ? "" : spec.substr(colon + 1);
  if (directory.empty() && source.directory) directory = source.directory;
  check(!directory.empty(), "data: ", source.name, " needs a directory; write ", source.form());
  return source.open(directory, split, choose(source, wanted));
}

bool mirror_keeps_class(const std::string& spec) {
  const size_t colon = spec.find(':');
  if (is_variation(spec))
    return colon != std::string::npos && mirror_keeps_class(spec.substr(colon + 1));
  const std::string name = spec.substr(0, spec.find_first_of(":+"));
  for (const Source& source : kSources)
    if (name == source.name) return source.mirror_keeps;
  return true;  // of pictures of things
}

std::vector<std::string> open_forms() {
  std::vector<std::string> forms;
  for (const Source& source : kSources) forms.push_back(source.form());
  forms.push_back(std::string(kFolder) + ":DIR");
  forms.push_back("bg-rot:SET[+PICTURES]");
  forms.push_back("noise-1:SET to noise-6:SET");
  return forms;
}

}  // namespace papilio::data
