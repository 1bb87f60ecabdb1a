#include <gtest/gtest.h>

#include "papilio/tests/core/ops/gradient_check_table.h"

namespace papilio::testing {
namespace {

const auto sum_of_two = [](auto x) { return add(x[0], x[1]); };
const auto difference = [](auto x) { return sub(x[0], x[1]); };
const auto product = [](auto x) { return mul(x[0], x[1]); };

const GradientRows rows = {
    {"add", "equal", {real({2, 3}), real({2, 3})}, sum_of_two},
    {"add", "one", {real({1}), real({1})}, sum_of_two},
    {"add", "rows", {real({2, 7, 3}), real({3})}, sum_of_two},
    {"add", "matrix", {cplx({3, 2, 7}), cplx({2, 7})}, sum_of_two},
    {"add", "scalar", {cplx({2, 3}), cplx({})}, sum_of_two},
    {"add", "itself", {real({7})}, [](auto x) { return add(x[0], x[0]); }},
    {"sub", "equal", {real({2, 3}), real({2, 3})}, difference},
    {"sub", "rows", {cplx({7, 3}), cplx({3})}, difference},
    {"sub", "scalar", {real({7, 1}), real({})}, difference},
    {"sub", "itself", {cplx({7})}, [](auto x) { return sub(x[0], x[0]); }},
    {"mul", "equal", {real({2, 3}), real({2, 3})}, product},
    {"mul", "complex", {cplx({2, 3}), cplx({2, 3})}, product},
    {"mul", "rows", {real({2, 7, 3}), real({3})}, product},
    {"mul", "complex_rows", {cplx({7, 2}), cplx({2})}, product},
    {"mul", "scalar", {cplx({7}), cplx({})}, product},
    {"mul", "square", {cplx({7})}, [](auto x) { return mul(x[0], x[0]); }},
    {"scale", "real", {real({7})}, [](auto x) { return scale(x[0], -2.5); }},
    {"scale", "complex", {cplx({3, 1})}, [](auto x) { return scale(x[0], 0.3); }},
};

}  // namespace
}  // namespace papilio::testing
