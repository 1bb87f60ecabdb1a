#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stb/stb_image.h>

#include <filesystem>
#include <set>

#include "papilio/apps/common/canvas.h"
#include "papilio/core/config.h"
#include "papilio/tests/apps/process.h"
#include "papilio/tests/core/error_of.h"
#include "papilio/tests/models/toy.h"

namespace papilio::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// "no error" unless this is a build without cairo.
std::string drawing_error() {
  return error_of([] { apps::draw_png(1, 1, [](apps::Canvas&) {}); });
}

struct Picture {
  int width = 0, height = 0;
  std::set<uint32_t> colours;
};

Picture decode(const std::string& file) {
  const std::string bytes = read_file(file);
  Picture picture;
  int channels = 0;
  stbi_uc* pixels = stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()),
                                          static_cast<int>(bytes.size()), &picture.width,
                                          &picture.height, &channels, 3);
  check(pixels != nullptr, file, " is no PNG: ", stbi_failure_reason());
  for (int i = 0; i < picture.width * picture.height; ++i)
    picture.colours.insert(uint32_t{pixels[3 * i]} << 16 | uint32_t{pixels[3 * i + 1]} << 8 |
                           pixels[3 * i + 2]);
  stbi_image_free(pixels);
  return picture;
}

// Every tag is closed in its turn, and every value is quoted.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  for (size_t at = xml.find('<'); at != xml.npos; at = xml.find('<', at + 1)) {
    const size_t end = xml.find('>', at);
    if (end == xml.npos || xml.substr(at + 1, end - at - 1).find('<') != xml.npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(0, tag.find(' '));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag) return false;
      open.pop_back();
    } else if (tag[0] != '?' && tag.back() != '/') {
      open.push_back(name);
    }
    if (std::ranges::count(tag, '"') % 2 != 0) return false;
  }
  return open.empty();
}

class Plot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (drawing_error() != "no error") GTEST_SKIP() << drawing_error();
    write("runs/a",
          "epoch,train_loss,validation_loss,validation_accuracy\n"
          "1,2.5,2.4,0.25\n2,1.5,1.6,0.5\n3,1,1.3,0.625\n");
    write("runs/b", "epoch,train_loss,validation_loss,validation_accuracy\n1,3,2.9,0.125\n");
  }

  std::string write(const std::string& run, const std::string& csv) const {
    std::filesystem::create_directories(folder_ / run);
    write_file(folder_ / run + "/metrics.csv", csv);
    return folder_ / run;
  }

  Outcome plot(std::vector<std::string> arguments, const std::string& out = "p") const {
    arguments.insert(arguments.begin(), {"plot", "--out", folder_ / out});
    return run(arguments);
  }

  // The labels, of a drawing that succeeds.
  std::vector<std::string> labels(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--force", "--json", "-"});
    const Outcome outcome = plot(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<std::string> all;
    const Config report = Config::parse(outcome.out);
    for (const Config& one : report.at("runs").as_array())
      all.push_back(one.at("label").as_string());
    return all;
  }

  std::string error(const std::vector<std::string>& arguments, int code = 1,
                    const std::string& out = "x.png") const {
    const Outcome outcome = plot(arguments, out);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / out));
    return outcome.err;
  }

  TemporaryFolder folder_;
};

TEST_F(Plot, DrawsARealRunAsPngAndSvg) {
  write_mnist(folder_ / "mnist", 300, 50);
  for (const char* hidden : {"bpbp", "kmatrix"}) {
    const Outcome trained =
        run({"train_mlp", "--data", "mnist:" + (folder_ / "mnist"), "--hidden", hidden, "--out",
             folder_ / "real/" + hidden, "--epochs", "3", "--threads", "1"});
    ASSERT_EQ(trained.code, 0) << trained.err;
  }
  const Outcome outcome =
      plot({folder_ / "real/bpbp", folder_ / "real/kmatrix", "--label", "shuffle <1> & more",
            "--label", "K-matrix", "--title", "Zwölf Läufe", "--width", "900", "--height", "400"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("K-matrix: epoch 3, train_loss"), HasSubstr("p.png"),
                                 HasSubstr("p.svg")));
  const Picture picture = decode(folder_ / "p.png");
  EXPECT_EQ(picture.width, 900);
  EXPECT_EQ(picture.height, 400);
  EXPECT_GT(picture.colours.size(), 50u);           // with the shades of smoothed lines
  EXPECT_TRUE(picture.colours.contains(0x0072B2));  // both lines are there
  EXPECT_TRUE(picture.colours.contains(0xD55E00));
  const std::string svg = read_file(folder_ / "p.svg");
  EXPECT_TRUE(is_well_formed(svg));
  EXPECT_THAT(svg,
              AllOf(HasSubstr("width=\"900"), HasSubstr("height=\"400"), HasSubstr("Zwölf Läufe"),
                    HasSubstr("shuffle &lt;1&gt; &amp; more"), HasSubstr("K-matrix"),
                    HasSubstr("Validation accuracy (%)"), HasSubstr("<path")));
}

TEST_F(Plot, EndingOfTheFileIsTheFormat) {
  EXPECT_EQ(plot({folder_ / "runs/a"}, "only.svg").code, 0);
  EXPECT_TRUE(is_well_formed(read_file(folder_ / "only.svg")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "only.png"));
  EXPECT_EQ(plot({folder_ / "runs/a"}, "only.png").code, 0);
  EXPECT_EQ(decode(folder_ / "only.png").width, 1200);
  EXPECT_THAT(error({folder_ / "runs/a"}, 1, "x.pdf"),
              AllOf(HasSubstr("x.pdf"), HasSubstr(".svg")));
}

TEST_F(Plot, ExistingFilesAreKept) {
  write_file(folder_ / "p.svg", "mine");
  const Outcome refused = plot({folder_ / "runs/a"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("p.svg"), HasSubstr("--force"), HasSubstr("--out")));
  EXPECT_EQ(read_file(folder_ / "p.svg"), "mine");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "p.png"));
  EXPECT_EQ(plot({folder_ / "runs/a", "--force"}).code, 0);
  EXPECT_NE(read_file(folder_ / "p.svg"), "mine");
}

TEST_F(Plot, RunsAreFoundAndNamed) {
  write("runs/rates/lr-0.1", "epoch,loss\n1,2\n");
  write("runs/rates/lr-0.2", "epoch,loss\n1,2\n");
  write("other/a", "epoch,loss\n1,2\n");
  std::filesystem::create_directories(folder_ / "runs/waits");
  write_file(folder_ / "runs/waits/config.json", "{}\n");
  const std::string runs = folder_ / "runs";
  EXPECT_THAT(labels({runs + "/a"}), ElementsAre("a"));
  EXPECT_THAT(labels({runs + "/a/", runs + "/b"}), ElementsAre("a", "b"));
  EXPECT_THAT(labels({"--label", "shuffle", runs + "/a"}), ElementsAre("shuffle"));
  EXPECT_THAT(labels({runs + "/rates", "--metric", "loss"}), ElementsAre("lr-0.1", "lr-0.2"));
  EXPECT_THAT(labels({runs, folder_ / "other/a", "--metric", "epoch"}),
              ElementsAre("runs/a", "runs/b", "runs/rates/lr-0.1", "runs/rates/lr-0.2", "other/a"));
  // When all rates are done, the folder itself holds the kept run.
  write("runs/rates", "epoch,loss\n1,2\n");
  EXPECT_THAT(labels({runs, "--metric", "epoch"}), ElementsAre("a", "b", "rates"));
  EXPECT_THAT(labels({runs + "/rates", runs + "/rates/lr-0.1", "--metric", "loss"}),
              ElementsAre("rates", "rates/lr-0.1"));
}

TEST_F(Plot, AnyColumnsSmoothedAndLogarithmic) {
  const Outcome outcome =
      plot({folder_ / "runs/a", folder_ / "runs/b", "--metric", "train_loss,accuracy", "--metric",
            "epoch", "--log", "--smooth", "0.5", "--json", folder_ / "report.json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Config report = Config::parse(read_file(folder_ / "report.json"));
  const Config& a = report.at("runs").as_array().at(0);
  EXPECT_EQ(a.at("epoch").as_int(), 3);
  EXPECT_EQ(a.at("curves").at("train_loss").dump(), R"({"last": 1.0, "min": 1.0, "max": 2.5})");
  EXPECT_EQ(a.at("curves").at("validation_accuracy").at("last").as_double(), 0.625);
  EXPECT_EQ(report.at("files").as_array().size(), 2u);
  EXPECT_THAT(read_file(folder_ / "p.svg"),
              AllOf(HasSubstr("Train loss; Accuracy (%); Epoch; a; b"), Not(HasSubstr("dashed"))));
}

TEST_F(Plot, LongAndManyNamesAreMadeToFit) {
  std::vector<std::string> arguments = {"--label", std::string(300, 'W') + "ä"};
  arguments.push_back(folder_ / "runs/a");
  for (int i = 0; i < 15; ++i)
    arguments.insert(arguments.end(), {"--label", "run " + text(i), folder_ / "runs/b"});
  const Outcome outcome = plot(arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("16 runs"));
}

TEST_F(Plot, MistakesAreExplained) {
  const std::string a = folder_ / "runs/a";
  EXPECT_THAT(error({}, 2), HasSubstr("runs"));
  EXPECT_THAT(error({a, "--hight", "3"}, 2), AllOf(HasSubstr("--hight"), HasSubstr("--height")));
  EXPECT_THAT(error({a, "--width", "0"}, 2), HasSubstr("--width"));
  EXPECT_THAT(error({folder_ / "none"}), HasSubstr("none' does not exist"));
  EXPECT_THAT(error({a + "/metrics.csv"}), HasSubstr("is a file"));
  std::filesystem::create_directories(folder_ / "new");
  EXPECT_THAT(error({folder_ / "new"}), HasSubstr("no run folder"));
  write_file(folder_ / "new/config.json", "{}\n");
  EXPECT_THAT(error({folder_ / "new"}), HasSubstr("first epoch"));
  EXPECT_THAT(error({write("broken", "epoch,loss\n1,2\n2,x\n"), "--metric", "loss"}),
              HasSubstr("broken/metrics.csv:3: loss: 'x' is not a number"));
  EXPECT_THAT(error({write("none", "epoch,loss\n")}), HasSubstr("no epochs"));
  EXPECT_THAT(error({a, "--metric", "lost"}),
              AllOf(HasSubstr("'lost'"), HasSubstr("runs/a"), HasSubstr("validation_accuracy")));
  EXPECT_THAT(error({a, "--label", "x", "--label", "y"}), HasSubstr("2 times for 1 run: a"));
  EXPECT_THAT(error({a, "--smooth", "1"}), HasSubstr("--smooth is 1"));
  EXPECT_THAT(error({a, "--width", "200", "--height", "100"}), HasSubstr("too small"));
  EXPECT_THAT(error({a, "--label", "\xff"}), HasSubstr("UTF-8"));
  EXPECT_THAT(error({write("gap", "epoch,loss\n1,nan\n"), "--metric", "loss"}),
              AllOf(HasSubstr("nothing to draw of Loss"), HasSubstr("finite")));
  EXPECT_THAT(error({write("zero", "epoch,loss\n1,0\n"), "--metric", "loss", "--log"}),
              HasSubstr("positive"));
  EXPECT_THAT(error({a}, 1, "nowhere/x.png"), HasSubstr("nowhere"));
}

}  // namespace
}  // namespace papilio::testing
