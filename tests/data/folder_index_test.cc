#include "papilio/data/folder_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "papilio/core/file.h"
#include "papilio/data/folder_layout.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/data/picture_folders.h"

namespace papilio::data {
namespace {

using namespace picture_folders;
using small_sets::Folder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> all_files(const FolderListing& listing) {
  std::vector<std::string> all;
  for (int64_t i = 0; i < listing.size(); ++i)
    all.push_back(concat(listing.classes()[static_cast<size_t>(listing.label(i))].name, "/",
                         listing.file(i)));
  return all;
}

FolderListing small() {
  FolderListing listing;
  listing.add_class("n01", 5);
  listing.add_file("a b.png");
  listing.add_file("a.JPEG");
  listing.add_class("n02 b", -7);
  listing.add_file("\xC3\xA4.jpg");
  return listing;
}

FolderListing parsed(const std::string& text) {
  int64_t scanned = 0;
  return parse_index(text, "i.train", scanned);
}

TEST(FolderListing, KnowsTheClassOfEachPicture) {
  FolderListing listing;
  listing.add_class("a", 1);
  listing.add_file("1.jpg");
  listing.add_file("2.jpg");
  listing.add_class("b", 2);
  listing.add_file("1.jpg");
  EXPECT_THAT(all_files(listing), ElementsAre("a/1.jpg", "a/2.jpg", "b/1.jpg"));
  EXPECT_EQ(listing.end_of(0), 2);
  EXPECT_EQ(listing.end_of(1), 3);
  EXPECT_THAT(error_of([&] { listing.add_file("1.jpg"); }), HasSubstr("sorted"));
  EXPECT_THAT(error_of([&] { listing.add_class("b", 0); }), HasSubstr("sorted"));
  for (const char* name : {"", ".hidden", "a/b", "..", "a\nb"}) {
    EXPECT_NE(error_of([&] { listing.add_file(name); }), "no error") << name;
    EXPECT_NE(error_of([&] { listing.add_class(name, 0); }), "no error") << name;
  }
}

TEST(FolderScan, FindsPicturesInTheOrderOfTheirNames) {
  const Folder folder;
  for (const char* name : {"b.JPEG", "a.jpg", "c.Png", "B.jpeg"}) add(folder / "n02", name, "x");
  for (const char* name : {"z.jpg", "list.txt", ".hidden.jpg", "jpg", ".jpg"})
    add(folder / "n01", name, "x");
  add(folder.path(), "README.md", "x");
  add(folder / ".cache", "a.jpg", "x");
  const FolderListing listing = scan_folder(folder.path());
  EXPECT_THAT(all_files(listing),
              ElementsAre("n01/z.jpg", "n02/B.jpeg", "n02/a.jpg", "n02/b.JPEG", "n02/c.Png"));
}

TEST(FolderScan, FollowsLinksAndSurvivesWhatIsNone) {
  const Folder folder;
  add(folder / "n01", "a.JPEG", "x");
  fs::create_directory(folder / "n01/folder.JPEG");
  fs::create_symlink("circle.JPEG", folder / "n01/circle.JPEG");
  fs::create_symlink("nowhere", folder / "n01/broken.JPEG");
  fs::create_symlink("..", folder / "n01/up.JPEG");
  fs::create_symlink("a.JPEG", folder / "n01/b.JPEG");
  ASSERT_EQ(mkfifo((folder / "n01/pipe.JPEG").c_str(), 0600), 0);
  fs::create_symlink("n01", folder / "n02");
  testing::internal::CaptureStderr();
  const FolderListing listing = scan_folder(folder.path());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(all_files(listing),
              ElementsAre("n01/a.JPEG", "n01/b.JPEG", "n02/a.JPEG", "n02/b.JPEG"));
  for (const char* name : {"folder.JPEG", "circle.JPEG", "broken.JPEG", "up.JPEG", "pipe.JPEG"})
    EXPECT_THAT(log, HasSubstr(name));
  fs::create_symlink("n03", folder / "n03");
  EXPECT_THAT(error_of([&] { scan_folder(folder.path()); }),
              AllOf(HasSubstr(folder / "n03"), HasSubstr("circle")));
}

TEST(FolderScan, NamesWhatIsEmptyOrMissing) {
  const Folder folder;
  fs::create_directory(folder / "n01");
  EXPECT_THAT(error_of([&] { scan_folder(folder.path()); }),
              AllOf(HasSubstr(folder / "n01"), HasSubstr("has no pictures")));
  EXPECT_THAT(error_of([&] { scan_folder(folder / "none"); }),
              AllOf(HasSubstr(folder / "none"), HasSubstr("No such file")));
}

TEST(FolderIndex, IsReadAsItWasWritten) {
  int64_t scanned = 0;
  const std::string text = write_index(small(), 1234567890123456789);
  EXPECT_EQ(parse_index(text, "i.train", scanned), small());
  EXPECT_EQ(scanned, 1234567890123456789);
}

TEST(FolderIndex, AnyOtherTextIsAnError) {
  const std::string text = write_index(small(), 99);
  for (size_t length = 0; length < text.size(); ++length)
    ASSERT_THAT(error_of([&] { parsed(text.substr(0, length)); }),
                HasSubstr("index 'i.train', line"))
        << length;
  for (size_t place = 0; place < text.size(); ++place)
    for (const int change : {1, 2, 0x20, 0x80}) {
      std::string changed = text;
      changed[place] = static_cast<char>(changed[place] ^ change);
      ASSERT_NE(error_of([&] { parsed(changed); }), "no error") << place;
    }
  EXPECT_NE(error_of([&] { parsed(text + "x"); }), "no error");
  EXPECT_THAT(
      error_of([&] { parsed("papilio picture index 1\nscanned 1\nclasses 99999999999999\n"); }),
      HasSubstr("ends too early"));
}

class KeptListing : public testing::Test {
 protected:
  KeptListing() {
    write_pictures(folder_.path(), 2);
    age(folder_.path());
  }
  // Also what the log says.
  FolderListing list() {
    testing::internal::CaptureStderr();
    FolderListing listing = list_folder(folder_ / "train", index_);
    log_ = testing::internal::GetCapturedStderr();
    return listing;
  }

  const Folder folder_, run_;
  const std::string index_ = run_ / "pictures.train";
  std::string log_;
};

TEST_F(KeptListing, IsWrittenOnceAndUsedAgain) {
  const FolderListing first = list();
  EXPECT_THAT(log_, AllOf(HasSubstr("6 pictures"), HasSubstr(index_)));
  EXPECT_EQ(list(), first);
  EXPECT_EQ(log_, "");
  // Proof that it is used: a picture that only the index has.
  FolderListing longer = first;
  longer.add_file("zebra.jpg");
  write_file(index_, write_index(longer, std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(list(), longer);
}

TEST_F(KeptListing, IsMadeAnewWhenTheFolderChanged) {
  const FolderListing first = list();
  add(folder_ / "train/n02", "new.jpg", "x");
  const FolderListing second = list();
  EXPECT_EQ(second.size(), first.size() + 1);
  EXPECT_THAT(log_, AllOf(HasSubstr("listed again"), HasSubstr("n02 has changed")));
  // n02 changed a moment ago: what is added in the same moment must not be missed.
  list();
  EXPECT_THAT(log_, HasSubstr("n02 was just being filled"));
  add(folder_ / "train/n04", "a.jpg", "x");
  EXPECT_EQ(list().classes().size(), 4u);
  EXPECT_THAT(log_, HasSubstr("not the same"));
  fs::remove_all(folder_ / "train/n01");
  EXPECT_EQ(list().classes().size(), 3u);
  EXPECT_THAT(log_, HasSubstr("not the same"));
}

TEST_F(KeptListing, IsMadeAnewWhenTheFileIsDamaged) {
  const FolderListing first = list();
  small_sets::write(index_, read_file(index_).substr(0, 100));
  EXPECT_EQ(list(), first);
  EXPECT_THAT(log_, AllOf(HasSubstr("listed again"), HasSubstr("line ")));
  EXPECT_EQ(list(), first);
  EXPECT_EQ(log_, "");
}

TEST_F(KeptListing, AnIndexThatCantBeWrittenIsAnError) {
  EXPECT_THAT(error_of([&] { list_folder(folder_ / "train", run_ / "none/pictures"); }),
              HasSubstr(run_ / "none/pictures"));
}

TEST(ClassNames, AreReadFromBothLayouts) {
  const std::vector<std::string> wnids = {"n01", "n02", "n03", "n04"};
  EXPECT_THAT(class_names("n02\tgoldfish, Carassius auratus\nn03\tcrane\nn99\tother\n", wnids, "c"),
              ElementsAre("n01", "goldfish, Carassius auratus", "crane", "n04"));
  EXPECT_THAT(class_names("label\twnid\timagenet1k_index\tname\r\n0\tn01\t3\ttench\r\n"
                          "1\tn02\t5\tcrane\r\n\r\n2\tn03\t9\tcrane\n",
                          wnids, "c"),
              ElementsAre("tench", "crane (n02)", "crane (n03)", "n04"));
  EXPECT_THAT(class_names("", wnids, "c"), ElementsAre("n01", "n02", "n03", "n04"));
  EXPECT_THAT(error_of([&] { class_names("n01\ttench\nn02 goldfish\n", wnids, "c.tsv"); }),
              AllOf(HasSubstr("'c.tsv', line 2"), HasSubstr("tabs")));
}

}  // namespace
}  // namespace papilio::data
