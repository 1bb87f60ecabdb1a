// Writes a small data set in the layout of CIFAR-10's binary files: 10 classes of different
// brightness, in noise.
#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

int main() {
  const std::filesystem::path folder = "cifar-10-batches-bin";
  std::filesystem::create_directories(folder);
  std::mt19937 random(1);
  for (const std::string name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                                 "data_batch_5", "test_batch"}) {
    std::ofstream file(folder / (name + ".bin"), std::ios::binary);
    for (int record = 0; record < 100; ++record) {
      std::array<char, 3073> bytes;
      bytes[0] = static_cast<char>(record % 10);
      for (size_t i = 1; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>(20 * bytes[0] + random() % 64);
      file.write(bytes.data(), bytes.size());
    }
    if (!file.flush()) return 1;
  }
}
