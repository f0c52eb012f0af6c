// SPDX-License-Identifier: Apache-2.0
#include "tests/record/report_browser.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <stdexcept>

namespace semiseg {
namespace {
using Json = nlohmann::json;

// Chromium reads commands from descriptor 3 and writes to 4, each message ended by a zero byte.
[[noreturn]] void become_chromium(int commands, int answers, const std::filesystem::path& profile) {
  // Above 4 first: one of the two may be 3 or 4 already.
  commands = fcntl(commands, F_DUPFD, 10);
  answers = fcntl(answers, F_DUPFD, 10);
  dup2(commands, 3);
  dup2(answers, 4);
  close(commands);
  close(answers);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, 2);
  setpgid(0, 0);
  const std::string folder = "--user-data-dir=" + profile.string();
  execlp("chromium", "chromium", "--headless", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
         "--disable-background-networking", "--remote-debugging-pipe", folder.c_str(),
         static_cast<char*>(nullptr));
  _exit(127);
}

struct Key {
  int code;
  const char* text;
};
const std::map<std::string, Key> kKeys = {{"Tab", {9, ""}},         {"Enter", {13, "\r"}},
                                          {"End", {35, ""}},        {"ArrowLeft", {37, ""}},
                                          {"ArrowRight", {39, ""}}, {"ArrowDown", {40, ""}}};

}  // namespace

ReportBrowser::ReportBrowser(const std::filesystem::path& profile) {
  signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> commands{}, answers{};
  if (pipe2(commands.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("no pipes");
  pid_ = fork();
  if (pid_ == 0) become_chromium(commands[0], answers[1], profile);
  close(commands[0]);
  close(answers[1]);
  to_ = fdopen(commands[1], "w");
  from_ = fdopen(answers[0], "r");
  const std::string target = call("Target.createTarget", {{"url", "about:blank"}}).at("targetId");
  session_ = call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}})
                 .at("sessionId")
                 .get<std::string>();
  for (const char* domain : {"Page", "Runtime", "Log", "Network"})
    call(std::string(domain) + ".enable");
  call("Page.setLifecycleEventsEnabled", {{"enabled", true}});
}

ReportBrowser::~ReportBrowser() {
  std::fclose(to_);  // it ends with its pipe
  std::fclose(from_);
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

Json ReportBrowser::receive() {
  std::string text;
  for (int c; (c = std::fgetc(from_)) != 0;) {
    if (c == EOF) throw std::runtime_error("chromium is gone (is the package installed?)");
    text += static_cast<char>(c);
  }
  return Json::parse(text);
}

void ReportBrowser::hear(const Json& event) {
  const std::string name = event.value("method", "");
  const Json& what = event.value("params", Json::object());
  if (name == "Page.lifecycleEvent" && what.at("name") == "load") loaded_ = what.at("loaderId");
  if (name == "Runtime.exceptionThrown" || name == "Log.entryAdded" ||
      (name == "Runtime.consoleAPICalled" && what.at("type") != "log"))
    complaints_.push_back(what.dump());
  if (name == "Network.requestWillBeSent") {
    const std::string address = what.at("request").at("url");
    if (address != page_ && !address.starts_with("data:")) requests_.push_back(address);
  }
}

Json ReportBrowser::call(const std::string& method, const Json& parameters) {
  Json message = {{"id", ++last_id_}, {"method", method}};
  message["params"] = parameters.is_null() ? Json::object() : parameters;
  if (!session_.empty()) message["sessionId"] = session_;
  const std::string text = message.dump();
  std::fwrite(text.c_str(), 1, text.size() + 1, to_);
  std::fflush(to_);
  for (;;) {
    const Json answer = receive();
    if (answer.value("id", 0) != last_id_) {
      hear(answer);
      continue;
    }
    if (answer.contains("error")) throw std::runtime_error(method + ": " + answer["error"].dump());
    return answer.at("result");
  }
}

void ReportBrowser::open(const std::filesystem::path& file, int width, const std::string& scheme) {
  call("Emulation.setDeviceMetricsOverride",
       {{"width", width}, {"height", 900}, {"deviceScaleFactor", 1}, {"mobile", false}});
  const Json feature = {{"name", "prefers-color-scheme"}, {"value", scheme}};
  call("Emulation.setEmulatedMedia", {{"features", Json::array({feature})}});
  complaints_.clear();
  requests_.clear();
  page_ = "file://" + std::filesystem::absolute(file).string();
  const std::string navigation = call("Page.navigate", {{"url", page_}}).at("loaderId");
  while (loaded_ != navigation) hear(receive());
}

Json ReportBrowser::evaluate(const std::string& expression) {
  const Json answer =
      call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}});
  if (answer.contains("exceptionDetails"))
    throw std::runtime_error(expression + ": " + answer["exceptionDetails"].dump());
  return answer.at("result").value("value", Json());
}

void ReportBrowser::press(const std::string& key) {
  const Key& known = kKeys.at(key);
  Json event = {{"type", *known.text ? "keyDown" : "rawKeyDown"},
                {"key", key},
                {"code", key},
                {"windowsVirtualKeyCode", known.code}};
  if (*known.text) event["text"] = known.text;
  call("Input.dispatchKeyEvent", event);
  event["type"] = "keyUp";
  event.erase("text");
  call("Input.dispatchKeyEvent", event);
}

}  // namespace semiseg
