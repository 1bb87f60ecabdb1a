#include "papilio/apps/bench/fft.h"

#ifdef PAPILIO_FFTW

#include <fftw3.h>

#include <complex>
#include <memory>

#include "papilio/apps/bench/array.h"
#include "papilio/core/error.h"

namespace papilio::bench {
namespace {

// FFTW's two sets of names.
struct Single {
  using Real = float;
  using Complex = fftwf_complex;
  static constexpr auto plan_many = fftwf_plan_many_dft;
  static constexpr auto execute = fftwf_execute;
  static constexpr auto destroy = fftwf_destroy_plan;
};
struct Double {
  using Real = double;
  using Complex = fftw_complex;
  static constexpr auto plan_many = fftw_plan_many_dft;
  static constexpr auto execute = fftw_execute;
  static constexpr auto destroy = fftw_destroy_plan;
};

template <class Names>
class Transform {
 public:
  explicit Transform(const Case& c) : x_(c.n * c.batch), y_(c.n * c.batch) {
    const int n = static_cast<int>(c.n);
    auto* x = reinterpret_cast<typename Names::Complex*>(x_.data());
    auto* y = reinterpret_cast<typename Names::Complex*>(y_.data());
    plan_ = Names::plan_many(1, &n, static_cast<int>(c.batch), x, nullptr, 1, n, y, nullptr, 1, n,
                             FFTW_FORWARD, FFTW_MEASURE);
    check(plan_ != nullptr, "FFTW has no plan for n = ", n);
    x_.fill(1);  // planning overwrites it
  }
  ~Transform() { Names::destroy(plan_); }
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;

  void run() const { Names::execute(plan_); }

 private:
  Array<std::complex<typename Names::Real>> x_, y_;
  decltype(Names::plan_many(0, nullptr, 0, nullptr, nullptr, 0, 0, nullptr, nullptr, 0, 0, 0,
                            0)) plan_ = nullptr;
};

template <class Names>
Candidate make(const Case& c) {
  return {"fftw", [transform = std::make_shared<Transform<Names>>(c)] { transform->run(); }};
}

}  // namespace

std::string fftw_version() { return fftwf_version; }

std::optional<Candidate> fft(const Case& c) {
  if (c.op == Op::backward || c.op == Op::step) return {};
  return real_of(c.dtype) == DType::f32 ? make<Single>(c) : make<Double>(c);
}

}  // namespace papilio::bench

#else

namespace papilio::bench {

std::string fftw_version() { return ""; }
std::optional<Candidate> fft(const Case&) { return {}; }

}  // namespace papilio::bench

#endif  // PAPILIO_FFTW
