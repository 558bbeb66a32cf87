// A device with an attribute and a function of every type, to test a host against.
#include <IotKit.h>

int drive_forward_time_ms = 1500;
int turn_time_ms = 2000;
char str_id[32] = "default";
float ratio = 0;
bool some_flag = true;

void barecommand() {}
void one_arg_int(int) {}
void one_arg_bool(bool) {}
void one_arg_str(const char *) {}
void one_arg_float(float) {}
void one_arg_T(IotAny) {}
int no_arg_result_int() { return 100; }
bool no_arg_result_bool() { return true; }
const char *no_arg_result_str() { return "hello"; }
float no_arg_result_float() { return 1.1; }
IotAny no_arg_result_T() { return IotAny{"4j2"}; }
int one_arg_int_result_int(int myarg) { return myarg; }

void describe(IotKit &device) {
  device.identity(F("testhosttiny"));
  device.attribute(F("drive_forward_time_ms - How long to move forward"), drive_forward_time_ms);
  device.attribute(F("turn_time_ms - How long to turn"), turn_time_ms);
  device.attribute(F("str_id - Sample str attribute"), str_id);
  device.attribute(F("ratio - Sample float attribute"), ratio);
  device.attribute(F("some_flag - Sample bool attribute"), some_flag);
  device.function(F("barecommand - test, basic command, no arg/result"), barecommand);
  device.function(F("one_arg_int myarg - test, one arg, integer"), one_arg_int);
  device.function(F("one_arg_bool myarg - test, one arg, boolean"), one_arg_bool);
  device.function(F("one_arg_str myarg - test, one arg, string"), one_arg_str);
  device.function(F("one_arg_float myarg - test, one arg, float"), one_arg_float);
  device.function(F("one_arg_T attr - test, one arg, generic type"), one_arg_T);
  device.function(F("no_arg_result_int - test, one arg, integer"), no_arg_result_int);
  device.function(F("no_arg_result_bool - test, one arg, boolean"), no_arg_result_bool);
  device.function(F("no_arg_result_str - test, one arg, string"), no_arg_result_str);
  device.function(F("no_arg_result_float - test, one arg, float"), no_arg_result_float);
  device.function(F("no_arg_result_T - test, one arg, generic type"), no_arg_result_T);
  device.function(F("one_arg_int_result_int myarg - test, one arg, one result, both ints"), one_arg_int_result_int);
}

IotKit device(describe);

void setup() { device.begin(115200); }
void loop() { device.poll(); }
