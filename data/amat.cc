#include "papilio/data/amat.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "papilio/core/file.h"

namespace papilio::data {
namespace {

constexpr int64_t kMostColumns = int64_t{1} << 16, kMostClasses = 256, kMostPad = 1024;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The numbers of one line, appended to `values`.
void read_line(std::string_view line, const std::string& name, size_t number,
               std::vector<float>& values) {
  const char *at = line.data(), *end = at + line.size();
  for (int64_t column = 1;; ++column) {
    while (at < end && is_space(*at)) ++at;
    if (at == end) return;
    check(column <= kMostColumns, name, ": line ", number, " has more than ", kMostColumns,
          " numbers; is it an .amat file?");
    float value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    check(error == std::errc() && (next == end || is_space(*next)) && std::isfinite(value), name,
          ": line ", number, ", column ", column, " is not a number; is it an .amat file?");
    values.push_back(value);
    at = next;
  }
}

struct Table {
  std::vector<float> values;
  int64_t columns = 0, rows = 0;
};

Table read_table(std::string_view text, const std::string& name) {
  Table table;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto before = static_cast<int64_t>(table.values.size());
    read_line(text.substr(0, end), name, number, table.values);
    text.remove_prefix(std::min(end + 1, text.size()));
    const int64_t columns = static_cast<int64_t>(table.values.size()) - before;
    if (columns == 0) continue;
    if (table.rows++ == 0) table.columns = columns;
    check(columns == table.columns, name, ": line ", number, " has ", columns,
          " numbers, the first one has ", table.columns, ": it is damaged; fetch it again");
  }
  check(table.rows > 0, name, ": it is empty; lines of pixels and a label are needed");
  return table;
}

int64_t side_of(int64_t pixels, const std::string& name) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(pixels))));
  check(pixels >= 1 && side * side == pixels, name, ": its lines have ", pixels,
        " pixels and a label, expected those of a square image, such as 784");
  return side;
}

int64_t label_of(float value, const std::string& name, int64_t row) {
  check(value >= 0 && value < static_cast<float>(kMostClasses) && value == std::floor(value), name,
        ": the label of example ", row, " is ", value, ", expected 0 to ", kMostClasses - 1);
  return static_cast<int64_t>(value);
}

bool names_part(const std::filesystem::path& path, const char* part) {
  return path.extension() == ".amat" && path.stem().string().find(part) != std::string::npos;
}

std::string file_of(const std::string& directory, Split split) {
  const char* part = split == Split::train ? "_train" : "_test";
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (names_part(entry.path(), part)) found.push_back(entry.path().string());
  check(found.size() == 1, "amat: ", directory, " has ", found.size(), " files NAME", part,
        "....amat, expected one; of the noise variations give the one file");
  return found.front();
}

// A sixth of one file is for testing.
ImageSet part_of(const ImageSet& all, Split split) {
  const int64_t count = all.size(), tests = count / 6;
  check(tests > 0, all.info().name, ": ", count, " examples are too few to be split; 6 are needed");
  const std::vector<int64_t> order = Rng(0).split("amat").permutation(count);
  const int64_t begin = split == Split::train ? tests : 0,
                end = split == Split::train ? count : tests;
  const Shape shape = all.image_shape();
  Tensor pixels({end - begin, shape[0], shape[1], shape[2]});
  std::vector<int64_t> labels;
  for (int64_t i = begin; i < end; ++i)
    labels.push_back(all.copy_to(order[static_cast<size_t>(i)],
                                 pixels.mutable_data<float>() + (i - begin) * shape.numel()));
  return ImageSet(all.info(), std::move(pixels), std::move(labels));
}

}  // namespace

ImageSet parse_amat(std::string_view text, const std::string& name, const AmatOptions& options) {
  check(options.pad >= 0 && options.pad <= kMostPad, name, ": pad is ", options.pad, ", 0 to ",
        kMostPad, " is possible");
  const Table table = read_table(text, name);
  const int64_t side = side_of(table.columns - 1, name), pad = options.pad, wide = side + 2 * pad;
  Tensor pixels = Tensor::zeros({table.rows, wide, wide, 1});
  std::vector<int64_t> labels;
  float* out = pixels.mutable_data<float>();
  for (int64_t row = 0; row < table.rows; ++row, out += wide * wide) {
    const float* in = table.values.data() + row * table.columns;
    for (int64_t i = 0; i < side * side; ++i) {
      check(in[i] >= 0 && in[i] <= 1, name, ": pixel ", i, " of example ", row, " is ", in[i],
            ", expected 0 to 1");
      out[(pad + i / side) * wide + pad + i % side] = in[i];
    }
    labels.push_back(label_of(in[side * side], name, row));
  }
  std::vector<std::string> classes;
  for (int64_t c = 0; c <= *std::max_element(labels.begin(), labels.end()); ++c)
    classes.push_back(std::to_string(c));
  return ImageSet({.name = name, .classes = classes, .input = input_contract({wide, wide, 1}, pad)},
                  std::move(pixels), std::move(labels));
}

ImageSet amat(const std::string& path, Split split, const AmatOptions& options) {
  const bool folder = std::filesystem::is_directory(path);
  check(folder || std::filesystem::exists(path), "amat: there is no file or folder ", path,
        "; give an .amat file, or the folder of a training and a test file");
  const std::string file = folder ? file_of(path, split) : path;
  const ImageSet all = parse_amat(read_file(file), file, options);
  return folder ? all : part_of(all, split);
}

}  // namespace papilio::data
