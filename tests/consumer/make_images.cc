// Writes a small data set in the layout of CIFAR-10's binary files: the images of class k are noise
// with a bright band, the rows 3k to 3k + 2.
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
      for (size_t i = 1; i < bytes.size(); ++i) {
        const size_t row = (i - 1) / 32 % 32;
        bytes[i] = static_cast<char>(random() % 128 + (row / 3 == size_t(record % 10) ? 100 : 0));
      }
      file.write(bytes.data(), bytes.size());
    }
    if (!file.flush()) return 1;
  }
}
