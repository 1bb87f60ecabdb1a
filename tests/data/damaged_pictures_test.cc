// ImageFolder with files that are damaged, hostile or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "papilio/tests/data/folder_fixture.h"

namespace papilio::data {
namespace {

using picture_folders::add;
using testing::AllOf;
using testing::HasSubstr;

using DamagedPictures = Pictures;

TEST_F(DamagedPictures, ADamagedOneIsNamedOnceCountedAndReplaced) {
  const Read whole = read(train(), 0, 0, 0, false);
  small_sets::write(folder_ / "train/n02/1.jpg", "");
  small_sets::write(folder_ / "train/n02/2.JPEG", "garbage");
  for (const int64_t cache : {int64_t{0}, int64_t{1} << 30}) {
    const ImageFolder set = train({.cache_bytes = cache});
    testing::internal::CaptureStderr();
    EXPECT_EQ(pixels_of(set.get(5)), pixels_of(set.get(7)));
    EXPECT_EQ(set.get(5).label, 1);
    EXPECT_EQ(pixels_of(set.get(6)), pixels_of(set.get(7)));
    EXPECT_EQ(read(set, 0, 1), read(set, 3, 1));
    EXPECT_EQ(AnyDataset(Subset(set, {1})).damaged(), 2);
    const std::string log = testing::internal::GetCapturedStderr();
    for (const char* file : {"n02/1.jpg", "n02/2.JPEG"}) {
      EXPECT_THAT(log, HasSubstr(file));
      EXPECT_EQ(log.find(file), log.rfind(file)) << log;
    }
    EXPECT_EQ(read(set, 2, 0, 0, false).labels, whole.labels);
  }
  const ImageFolder strict = train({.strict = true});
  EXPECT_THAT(error_of([&] { strict.get(5); }), HasSubstr(folder_ / "train/n02/1.jpg"));
  EXPECT_THAT(error_of([&] { read(strict, 2, 0); }), HasSubstr(folder_ / "train/n02/"));
}

TEST_F(DamagedPictures, TheLastOneIsReplacedByTheFirstOfItsClass) {
  small_sets::write(folder_ / "train/n02/3.JPEG", "");
  EXPECT_EQ(pixels_of(train().get(7)), pixels_of(train().get(4)));
}

TEST_F(DamagedPictures, AClassOfDamagedOnesIsAnError) {
  for (const char* file : {"0.JPEG", "1.jpg", "2.JPEG", "3.JPEG"})
    small_sets::write(folder_ / "train/n02/" + file, "GIF89a");
  EXPECT_THAT(error_of([&] { train().get(4); }),
              AllOf(HasSubstr("none of the 4 pictures"), HasSubstr(folder_ / "train/n02")));
}

TEST_F(DamagedPictures, FilesThatGoAwayOrTurnIntoSomethingElseAreDamaged) {
  const ImageFolder set = train();
  fs::remove(folder_ / "train/n01/0.JPEG");
  fs::remove(folder_ / "train/n01/1.jpg");
  fs::create_directory(folder_ / "train/n01/1.jpg");
  fs::remove(folder_ / "train/n01/2.JPEG");
  ASSERT_EQ(mkfifo((folder_ / "train/n01/2.JPEG").c_str(), 0600), 0);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(pixels_of(set.get(i)), pixels_of(set.get(3)));
  EXPECT_EQ(set.damaged(), 3);
}

int64_t peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// The whole set of attacks, by both decoders, read to the end in little memory.
TEST_F(DamagedPictures, UnderAttack) {
  const std::string jpeg = picture_files::bytes("rgb.jpg"), png = picture_files::bytes("rgb.png");
  const std::string train_folder = folder_ / "train/n01";
  std::vector<std::string> bad;
  const auto attack = [&](const std::string& name, const std::string& content) {
    add(train_folder, name, content);
    bad.push_back(name);
  };
  attack("empty.JPEG", "");
  attack("short.JPEG", jpeg.substr(0, jpeg.size() / 2));
  attack("no_end.JPEG", jpeg.substr(0, jpeg.size() - 1));
  attack("short.png", png.substr(0, png.size() / 2));
  attack("huge.JPEG", picture_files::with_size(jpeg, 30000, 30000));
  attack("big_claim.JPEG", picture_files::with_size(jpeg, 13000, 13000));
  attack("garbage.JPEG", std::string(100000, '\x5A'));
  attack("gif.JPEG", "GIF89a");
  if (geteuid() != 0) {  // root reads everything
    attack("unreadable.JPEG", jpeg);
    fs::permissions(train_folder + "/unreadable.JPEG", fs::perms::none);
  }
  fs::create_directory(train_folder + "/folder.JPEG");
  fs::create_symlink("circle.JPEG", train_folder + "/circle.JPEG");
  fs::create_symlink("..", train_folder + "/up");

  const int64_t before = peak_megabytes();
  for (const bool stb_only : {false, true}) {
    testing::internal::CaptureStderr();
    const ImageFolder set = train({.stb_only = stb_only});
    const Read all = read(set, 2, 0);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(set.size(), 12 + static_cast<int64_t>(bad.size()));
    EXPECT_EQ(all.labels.size(), static_cast<size_t>(set.size()));
    EXPECT_EQ(set.damaged(), static_cast<int64_t>(bad.size()));
    for (const std::string& name : bad) EXPECT_THAT(log, HasSubstr("n01/" + name));
    for (const char* name : {"folder.JPEG", "circle.JPEG"}) EXPECT_THAT(log, HasSubstr(name));
  }
  EXPECT_LT(peak_megabytes() - before, 64);
}

}  // namespace
}  // namespace papilio::data
