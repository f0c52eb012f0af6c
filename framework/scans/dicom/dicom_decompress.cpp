// SPDX-License-Identifier: Apache-2.0
#include "framework/scans/dicom/dicom_decompress.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gdcmImageReader.h>
#include <gdcmTrace.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <sstream>

#include "framework/scans/image_file_formats.h"

namespace semiseg::image_format {
namespace {

enum Outcome : int { kDone = 0, kNotRead = 10, kOtherSize = 11, kDamaged = 12 };

// Memory that both processes share.
struct Shared {
  explicit Shared(size_t size)
      : bytes(size),
        at(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~Shared() {
    if (at != MAP_FAILED) munmap(at, bytes);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  size_t bytes;
  void* at;
};

Outcome decompress(const std::string& file, char* to, size_t bytes) {
  std::istringstream stream(file);
  gdcm::ImageReader reader;
  reader.SetStream(stream);
  if (!reader.Read()) return kNotRead;
  if (reader.GetImage().GetBufferLength() != bytes) return kOtherSize;
  return reader.GetImage().GetBuffer(to) ? kDone : kDamaged;
}

// Runs quietly, without a core file; the kernel ends it when it hangs.
[[noreturn]] void child(const std::string& file, char* to, size_t bytes) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGALRM, SIGTERM, SIGINT})
    std::signal(signal, SIG_DFL);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
  alarm(120);
  Outcome outcome = kDamaged;
  try {
    outcome = decompress(file, to, bytes);
  } catch (...) {
    outcome = kDamaged;
  }
  _exit(outcome);
}

std::string reason_of(int status) {
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status) == SIGALRM ? "no end after two minutes"
                                       : "damage that stopped the decompression";
  }
  if (WEXITSTATUS(status) == kNotRead) return "a form or a compression that GDCM does not read";
  return WEXITSTATUS(status) == kOtherSize ? "another number of bytes" : "damaged frames";
}

}  // namespace

void decompress_apart(const std::string& file, char* to, size_t bytes,
                      const std::filesystem::path& path) {
  gdcm::Trace::WarningOff();
  gdcm::Trace::ErrorOff();
  gdcm::Trace::DebugOff();
  const Shared shared(bytes);
  const pid_t pid = shared.at == MAP_FAILED ? -1 : fork();
  if (pid == 0) child(file, static_cast<char*>(shared.at), bytes);
  int status = 0;
  pid_t ended = -1;
  if (pid > 0) {
    do {
      ended = waitpid(pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
  }
  if (ended == pid && pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == kDone) {
    std::copy_n(static_cast<const char*>(shared.at), bytes, to);
    return;
  }
  fail(path, "the compressed pixels of the DICOM file cannot be read",
       fmt::format("{} bytes of pixels", bytes),
       pid > 0 ? reason_of(status) : "no memory or process for the decompression",
       pid > 0 ? "copy or download it again" : "free memory and try again");
}

}  // namespace semiseg::image_format
