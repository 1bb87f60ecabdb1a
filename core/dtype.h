// The element types of a Tensor, and the way from a run-time DType to a C++ type.
#pragma once

#include <complex>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace papilio {

enum class DType : uint8_t { f32, f64, c64, c128, i64 };

/// Bytes of one element; complex counts both parts.
int64_t size_of(DType dtype);
/// "f32", "f64", "c64", "c128" or "i64".
std::string_view text(DType dtype);
/// The inverse of text(); throws Error that lists the names.
DType dtype_named(std::string_view name);

constexpr bool is_complex(DType d) { return d == DType::c64 || d == DType::c128; }
constexpr bool is_real(DType d) { return d == DType::f32 || d == DType::f64; }
/// f32 of c64, f64 of c128; a real type is its own.
constexpr DType real_of(DType d) {
  return d == DType::c64 ? DType::f32 : d == DType::c128 ? DType::f64 : d;
}
/// c64 of f32, c128 of f64; a complex type is its own.
constexpr DType complex_of(DType d) {
  return d == DType::f32 ? DType::c64 : d == DType::f64 ? DType::c128 : d;
}

template <class T>
inline constexpr bool is_complex_type = !std::is_arithmetic_v<T>;

namespace detail {
template <class T>
struct RealType {
  using type = T;
};
template <class T>
struct RealType<std::complex<T>> {
  using type = T;
};
}  // namespace detail

/// float of std::complex<float>, double of std::complex<double>; a real type is its own.
template <class T>
using real_type = typename detail::RealType<T>::type;

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, std::complex<float>>) return DType::c64;
  if constexpr (std::is_same_v<T, std::complex<double>>) return DType::c128;
  if constexpr (std::is_same_v<T, int64_t>) return DType::i64;
}

/// The complex conjugate; a real number is its own.
template <class T>
T conjugate(T x) {
  if constexpr (is_complex_type<T>)
    return std::conj(x);
  else
    return x;
}

namespace detail {
[[noreturn]] void unexpected_dtype(DType dtype, std::string_view op, std::string_view expected);
}

/// Calls body.template operator()<T>() with T = float or double; any other dtype is an Error naming
/// `op`.
template <class Body>
decltype(auto) dispatch_real(DType dtype, std::string_view op, Body&& body) {
  if (dtype == DType::f32) return body.template operator()<float>();
  if (dtype == DType::f64) return body.template operator()<double>();
  detail::unexpected_dtype(dtype, op, "f32 or f64");
}

/// The same with T = std::complex<float> or std::complex<double>.
template <class Body>
decltype(auto) dispatch_complex(DType dtype, std::string_view op, Body&& body) {
  if (dtype == DType::c64) return body.template operator()<std::complex<float>>();
  if (dtype == DType::c128) return body.template operator()<std::complex<double>>();
  detail::unexpected_dtype(dtype, op, "c64 or c128");
}

/// The same with any of the four floating types, real or complex.
template <class Body>
decltype(auto) dispatch_floating(DType dtype, std::string_view op, Body&& body) {
  if (is_complex(dtype)) return dispatch_complex(dtype, op, static_cast<Body&&>(body));
  if (is_real(dtype)) return dispatch_real(dtype, op, static_cast<Body&&>(body));
  detail::unexpected_dtype(dtype, op, "f32, f64, c64 or c128");
}

}  // namespace papilio
