// The rows of the compression table: which layer, and what the paper says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace papilio::compression_table {

inline constexpr int64_t kFeatures = 1024;  ///< of an image, and of the hidden layer

/// A dense layer that is made as small as another method's.
enum class Match { none, parameters, latency };

struct Row {
  std::string method;  ///< the name of the row, and of its runs
  std::string hidden;  ///< a name of layers/factory.h
  std::string title;   ///< for people
  Match match = Match::none;
};

/// Names of the rows in the order of the table.
std::vector<std::string> all_methods();
/// The row of a name: one of the above, or any hidden layer, "low-rank:8". Throws Error that lists
/// the names for another one.
Row row_named(const std::string& method);

/// Accuracy in % that Dao et al. 2019, Table 1 give a method on these data: CIFAR-10, and the two
/// variations of MNIST, made or read from files of their names.
std::optional<double> published_accuracy(const std::string& method, const std::string& data);

/// Numbers of the whole network: hidden layer, its bias, and the output layer.
int64_t network_parameters(int64_t hidden_parameters, int64_t width, int64_t classes);
/// The width at which a dense hidden layer gives the network the nearest number of parameters.
int64_t width_of_parameters(int64_t parameters, int64_t classes);

/// As the paper counts: the numbers of the dense layer over those of the hidden and the output
/// layer.
double compression(int64_t hidden_parameters, int64_t width, int64_t classes);

}  // namespace papilio::compression_table
