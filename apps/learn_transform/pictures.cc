#include "papilio/apps/learn_transform/pictures.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>

#include "papilio/apps/common/canvas.h"
#include "papilio/core/file.h"
#include "papilio/layers/butterfly.h"
#include "papilio/layers/permutation.h"
#include "papilio/layers/product.h"
#include "papilio/layers/twiddle.h"

namespace papilio::learn {
namespace {

using apps::Box;
using apps::Canvas;
using apps::Colour;
using Complex = std::complex<double>;

constexpr int64_t kCells = 256;
constexpr double kSide = 360, kGap = 24, kTitle = 30;

// A matrix in at most kCells x kCells cells; every cell is the entry of largest modulus in it.
struct Picture {
  std::string title;
  int64_t rows, columns;
  std::vector<Complex> cells;
};

class Cells {
 public:
  Cells(std::string title, int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
    picture_.title = std::move(title);
    picture_.rows = std::min(rows, kCells);
    picture_.columns = std::min(columns, kCells);
    picture_.cells.resize(static_cast<size_t>(picture_.rows * picture_.columns));
  }
  void set(int64_t i, int64_t j, Complex z) {
    Complex& cell = picture_.cells[static_cast<size_t>(
        i * picture_.rows / rows_ * picture_.columns + j * picture_.columns / columns_)];
    if (std::abs(z) > std::abs(cell)) cell = z;
  }
  Picture picture() && { return std::move(picture_); }

 private:
  int64_t rows_, columns_;
  Picture picture_;
};

Picture picture_of(std::string title, const Tensor& matrix) {
  Cells cells(std::move(title), matrix.dim(0), matrix.dim(1));
  const Tensor m = matrix.to(DType::c128);
  for (int64_t i = 0; i < m.dim(0); ++i)
    for (int64_t j = 0; j < m.dim(1); ++j) cells.set(i, j, m.data<Complex>()[i * m.dim(1) + j]);
  return std::move(cells).picture();
}

// White at 0, to red for positive and blue for negative real parts.
Colour signed_colour(Complex z, double most) {
  const double s = most > 0 ? std::min(std::abs(z) / most, 1.0) : 0;
  const double real = most > 0 ? std::clamp(z.real() / most, -1.0, 1.0) : 0;
  if (real >= 0) return {1 - 0.2 * (s - real), 1 - s, 1 - s};
  return {1 - s, 1 - 0.7 * s, 1 - 0.2 * (s + real)};
}
// Black at and below 1e-18, to white at 1.
Colour logarithmic_colour(Complex z, double /*most*/) {
  const double decades = std::log10(std::max(std::abs(z), 1e-18));
  const double level = std::clamp((decades + 18) / 18, 0.0, 1.0);
  return {level, level * level, 0.6 * std::sqrt(level) * (1 - level) + level * level};
}

using ColourOf = Colour (*)(Complex, double);

void draw(Canvas& canvas, const Picture& p, const Box& box, ColourOf colour) {
  double most = 0;
  for (const Complex& z : p.cells) most = std::max(most, std::abs(z));
  const double width = box.width / static_cast<double>(p.columns);
  const double height = box.height / static_cast<double>(p.rows);
  canvas.fill({box.left - 1, box.top - 1, box.width + 2, box.height + 2}, {0.6, 0.6, 0.6});
  canvas.fill(box, colour({}, most));
  for (int64_t i = 0; i < p.rows; ++i)
    for (int64_t j = 0; j < p.columns; ++j) {
      const Complex z = p.cells[static_cast<size_t>(i * p.columns + j)];
      if (z != Complex{})
        canvas.fill({box.left + static_cast<double>(j) * width,
                     box.top + static_cast<double>(i) * height, width + 0.2, height + 0.2},
                    colour(z, most));
    }
  canvas.text(p.title, {box.left, box.top - 9}, 0, {.size = 14}, {0.1, 0.1, 0.1});
}

void write(const std::string& file, const std::vector<Picture>& pictures, ColourOf colour) {
  const auto count = std::ssize(pictures);
  const int64_t across = std::min<int64_t>(count, count > 8 ? 5 : 4);
  const int64_t down = (count + across - 1) / across;
  const auto width = static_cast<int>(kGap + static_cast<double>(across) * (kSide + kGap));
  const auto height = static_cast<int>(kGap + static_cast<double>(down) * (kSide + kTitle + kGap));
  write_file(file, apps::draw_png(width, height, [&](Canvas& canvas) {
               for (int64_t i = 0; i < count; ++i)
                 draw(canvas, pictures[static_cast<size_t>(i)],
                      {kGap + static_cast<double>(i % across) * (kSide + kGap),
                       kGap + kTitle + static_cast<double>(i / across) * (kSide + kTitle + kGap),
                       kSide, kSide},
                      colour);
             }));
}

void add_factors(const Butterfly& layer, std::vector<Picture>& pictures) {
  const Tensor twiddle = layer.untied_twiddle().to(DType::c128);
  const int64_t n = layer.n(), levels = log2_exact(n);
  const Complex* entry = twiddle.data<Complex>();
  for (int64_t block = 0; block < layer.nblocks(); ++block)
    for (int64_t k = 0; k < levels; ++k) {
      const bool increasing = layer.increasing_stride() == (block % 2 == 0);
      const int64_t stride = int64_t{1} << (increasing ? k : levels - 1 - k);
      Cells cells(concat("factor ", pictures.size() + 1, ", stride ", stride), n, n);
      for (int64_t i = 0; i < n / 2; ++i) {
        const int64_t upper = 2 * i - i % stride;
        for (int64_t e = 0; e < 4; ++e)
          cells.set(upper + e / 2 * stride, upper + e % 2 * stride, *entry++);
      }
      pictures.push_back(std::move(cells).picture());
    }
}

}  // namespace

void draw_pictures(const std::string& folder, const Target& target, Factorization& found) {
  std::vector<Picture> factors, permutations;
  if (auto* product = dynamic_cast<Product*>(found.layer.get()))
    for (size_t i = 0; i < product->size(); ++i)
      if (const auto* butterfly = dynamic_cast<const Butterfly*>(&(*product)[i]))
        if (butterfly->nstacks() == 1 && butterfly->n() <= 4096) add_factors(*butterfly, factors);
  for (const auto& v : found.report.permutations) {
    const auto n = std::ssize(v);
    Cells cells(concat("permutation ", permutations.size() + 1, ": row j has its 1 at v[j]"), n, n);
    for (int64_t j = 0; j < n; ++j) cells.set(j, v[static_cast<size_t>(j)], 1);
    permutations.push_back(std::move(cells).picture());
  }
  if (!factors.empty()) write(folder + "/factors.png", factors, signed_colour);
  if (!permutations.empty()) write(folder + "/permutation.png", permutations, signed_colour);
  if (!target.matrix.defined()) return;
  const Tensor learned = found.layer->to_dense().to(DType::c128),
               wanted = target.matrix.to(DType::c128);
  write(folder + "/matrix.png", {picture_of("target", wanted), picture_of("learned", learned)},
        signed_colour);
  write(folder + "/error.png",
        {picture_of("|learned - target|, black 1e-18, white 1", sub(learned, wanted))},
        logarithmic_colour);
}

}  // namespace papilio::learn
