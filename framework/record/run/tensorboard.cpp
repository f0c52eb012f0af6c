// SPDX-License-Identifier: Apache-2.0
#include "framework/record/run/tensorboard.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <protozero/pbf_writer.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/own_file.h"
#include "framework/record/run/crc32c.h"
#include "framework/record/run/run_state.h"

namespace semiseg {
namespace fs = std::filesystem;
namespace {

// Field numbers of event.proto and summary.proto.
constexpr uint32_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr uint32_t kSummaryValue = 1;
constexpr uint32_t kTag = 1, kSimpleValue = 2;
constexpr uint32_t kSessionStatus = 1;
constexpr int32_t kSessionStart = 1;

fs::path new_file(const fs::path& run, double now) {
  const RunHolder process = this_process("", 0);
  fs::path path;
  for (int number = 0; path.empty() || fs::exists(path); ++number) {
    path = run / fmt::format("events.out.tfevents.{:.0f}.{}.{}.{}", now, process.host, process.pid,
                             number);
  }
  return path;
}

template <class Number>
std::string little_endian(Number number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(number); ++i) bytes += static_cast<char>(number >> (8 * i) & 0xFF);
  return bytes;
}

[[noreturn]] void fail_io(const fs::path& path, int code) {
  throw Error(ErrorKind::kIo,
              {.what = fmt::format("cannot write the TensorBoard events ({})", std::strerror(code)),
               .where = path.string()});
}

}  // namespace

TensorBoardLog::TensorBoardLog(const fs::path& run, int64_t last_step, double now)
    : path_(new_file(run, now)),
      file_(::fdopen(open_own_file(path_, O_WRONLY | O_CREAT | O_EXCL), "wb"), &std::fclose) {
  if (!file_) fail_io(path_, errno);
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(kWallTime, now);
  writer.add_string(kFileVersion, "brain.Event:2");
  write_record(event);
  if (last_step <= 0) return;
  event.clear();
  protozero::pbf_writer restart(event);
  restart.add_double(kWallTime, now);
  restart.add_int64(kStep, last_step + 1);
  {
    protozero::pbf_writer session(restart, kSessionLog);
    session.add_enum(kSessionStatus, kSessionStart);
  }
  write_record(event);
}

void TensorBoardLog::append(int64_t step, const std::vector<std::pair<std::string, double>>& values,
                            double now) {
  std::string event;
  protozero::pbf_writer writer(event);
  writer.add_double(kWallTime, now);
  writer.add_int64(kStep, step);
  {
    protozero::pbf_writer summary(writer, kSummary);
    for (const auto& [tag, number] : values) {
      protozero::pbf_writer value(summary, kSummaryValue);
      value.add_string(kTag, tag);
      value.add_float(kSimpleValue, static_cast<float>(number));
    }
  }
  write_record(event);
}

void TensorBoardLog::write_record(const std::string& event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  const std::string record =
      length + little_endian(masked_crc32c(length)) + event + little_endian(masked_crc32c(event));
  if (file_fault("write", path_)) fail_io(path_, ENOSPC);
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() ||
      std::fflush(file_.get()) != 0) {
    fail_io(path_, errno);
  }
}

}  // namespace semiseg
