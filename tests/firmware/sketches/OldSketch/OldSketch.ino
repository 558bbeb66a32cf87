// Written as sketches for the original library are: everything by hand, in virtual functions.
#include <CommandHostTiny.h>

class OldHost : public CommandHostTiny {
  int turn_time_ms;
  bool lit;
  char number[12];

 public:
  OldHost() : turn_time_ms(2000), lit(false) {}
  ~OldHost() {}

  const char *hostid() { return "oldsketch"; }
  const char *attrs() { return "turn_time_ms:int,lit:bool"; }
  const char *funcs() { return "forward,echo,on"; }

  bool has_help(char *name) {
    if (strcmp(name, "turn_time_ms") == 0) return true;
    if (strcmp(name, "lit") == 0) return true;
    if (strcmp(name, "forward") == 0) return true;
    if (strcmp(name, "echo") == 0) return true;
    return false;
  }
  void help(char *name) {
    if (strcmp(name, "turn_time_ms") == 0) Serial.println(F("int - How long to turn"));
    else if (strcmp(name, "lit") == 0) Serial.println(F("bool - The light"));
    else if (strcmp(name, "forward") == 0) Serial.println(F("forward -> - Move"));
    else if (strcmp(name, "echo") == 0) Serial.println(F("echo what:str -> result:str - Say it again"));
    else Serial.println(F("-"));
  }
  bool exists(char *attribute) {
    return strcmp(attribute, "turn_time_ms") == 0 || strcmp(attribute, "lit") == 0;
  }
  const char *get(char *attribute) {
    if (strcmp(attribute, "lit") == 0) return lit ? "True" : "False";
    itoa(turn_time_ms, number, 10);
    return number;
  }
  int set(char *attribute, char *raw_value) {
    if (strcmp(attribute, "lit") == 0) {
      if (strcmp(raw_value, "True") != 0 && strcmp(raw_value, "False") != 0) return 500;
      lit = strcmp(raw_value, "True") == 0;
      return 200;
    }
    if (strcmp(attribute, "turn_time_ms") == 0) {
      turn_time_ms = atoi(raw_value);
      return 200;
    }
    return 404;
  }
  int callfunc(char *funcname, char *raw_args) {
    if (strcmp(funcname, "on") == 0) return 404;
    if (strcmp(funcname, "echo") == 0 && raw_args) {
      strncpy(result_string, raw_args, 140);
      result_string[140] = 0;
    }
    return 200;  // whatever the name is: a common slip in old sketches
  }
  void setup() { CommandHostTiny::setup(); }
};

OldHost host;

void setup() { host.setup(); }
void loop() { host.run_host(); }
