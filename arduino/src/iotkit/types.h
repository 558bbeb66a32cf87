// The types of the wire (int, float, bool, str, T) and the C++ types that stand for them.
#ifndef IOTKIT_TYPES_H
#define IOTKIT_TYPES_H

#include "flash.h"

// Any text: "T" on the wire. For an argument or a result whose type the sketch decides for itself.
struct IotAny {
  const char *text;
};

namespace iotkit {

// Constants are not written in capitals: the headers of boards define macros of such names.

// How a C++ type is kept in memory. The first eight fit a signature of three bits each, which is all that an
// AVR's functions need.
enum Type : uint8_t { kNone, kBool, kInt16, kUint16, kInt32, kFloat, kStr, kAny, kChars, kUint32, kInt8, kUint8, kDouble };

// The types of a function in one number: the result in the lowest bits, then the arguments. kFunction is set for
// whatever is called or raised; without it the number is the type of an attribute, with kReadOnly, and its size in
// memory from bit kSizeShift on.
#if defined(__AVR__)
typedef uint16_t Types;
const uint8_t kTypeBits = 3;
const uint8_t kMaxArguments = 4;
const Types kFunction = 0x8000;
#else
typedef uint32_t Types;
const uint8_t kTypeBits = 4;
const uint8_t kMaxArguments = 6;
const Types kFunction = 0x80000000u;
#endif
const uint8_t kTypeMask = (1 << kTypeBits) - 1;
const Types kReadOnly = 0x10;
const Types kAttributeMask = 0x0f;
const uint8_t kSizeShift = 8;
const uint8_t kMaxChars = 127;

inline Type attributeType(Types types) { return static_cast<Type>(types & kAttributeMask); }

// One value of any type: integers and bool in i, text in s.
union Value {
  int32_t i;
  float f;
  const char *s;
};

// Calls a function of the sketch with parsed arguments, or a getter with none.
typedef void (*Function)();
typedef Value (*Caller)(Function function, const Value *arguments);

// What a piece of text is as a value of some type.
enum Verdict : uint8_t { kGood, kUnparsable, kOutOfRange };

// Reads the whole of `text` strictly: no blanks, nothing behind. kOutOfRange: well formed, but too much for it.
Verdict parse(const char *text, Type type, Value &value);

// The least and the greatest number an integer type holds (and the wire carries).
int32_t least(Type type);
int32_t greatest(Type type);

// A number that compares as the value does: floats compare by their bits, so that no floating point library is
// linked for it.
int32_t order(Type type, Value value);

// Reads and writes a variable of the sketch. `write` gets a value that fits.
Value readVariable(const void *variable, Types types);
void writeVariable(void *variable, Types types, const Value &value);

// "int", "float", "bool", "str" or "T".
Text typeName(Type type);

// On AVR a double is a float.
inline bool isFloat(Type type) { return type == kFloat || (sizeof(double) > sizeof(float) && type == kDouble); }
inline bool isText(Type type) { return static_cast<uint8_t>(type - kStr) <= kChars - kStr; }

// True if `word` is the text at `flash` up to its end or its first blank.
bool isWord(const char *flash, const char *word);

// ---- C++ types -> Type, C++ values <-> Value ------------------------------------------------------------------

template <bool kSigned, unsigned kSize> struct IntegerType;
template <> struct IntegerType<true, 1> { static const Type value = kInt8; };
template <> struct IntegerType<false, 1> { static const Type value = kUint8; };
template <> struct IntegerType<true, 2> { static const Type value = kInt16; };
template <> struct IntegerType<false, 2> { static const Type value = kUint16; };
template <> struct IntegerType<true, 4> { static const Type value = kInt32; };
template <> struct IntegerType<false, 4> { static const Type value = kUint32; };

// The wire carries 32 bits with a sign: a greater number is the greatest, not a negative one.
inline int32_t carried(int32_t v) { return v; }
inline int32_t carried(uint32_t v) { return v > 0x7fffffffUL ? 0x7fffffffL : static_cast<int32_t>(v); }

template <class T> struct Integer {
  static const bool kSigned = static_cast<T>(-1) < static_cast<T>(1);
  static const Type type = IntegerType<kSigned, sizeof(T)>::value;
  static T from(Value v) { return static_cast<T>(v.i); }
  static Value to(T v) {
    Value r;
    r.i = sizeof(T) == 4 && !kSigned ? carried(static_cast<uint32_t>(v)) : static_cast<int32_t>(v);
    return r;
  }
};

template <class T> struct Carried {
  static_assert(sizeof(T) == 0, "iotkit carries whole numbers of up to 32 bits, bool, float, double and const char *");
};
template <> struct Carried<signed char> : Integer<signed char> {};
template <> struct Carried<unsigned char> : Integer<unsigned char> {};
template <> struct Carried<short> : Integer<short> {};
template <> struct Carried<unsigned short> : Integer<unsigned short> {};
template <> struct Carried<int> : Integer<int> {};
template <> struct Carried<unsigned> : Integer<unsigned> {};
#if __SIZEOF_LONG__ == 4
template <> struct Carried<long> : Integer<long> {};
template <> struct Carried<unsigned long> : Integer<unsigned long> {};
#endif
template <> struct Carried<bool> {
  static const Type type = kBool;
  static bool from(Value v) { return v.i; }
  static Value to(bool v) { return Integer<int>::to(v); }
};
template <> struct Carried<float> {
  static const Type type = kFloat;
  static float from(Value v) { return v.f; }
  static Value to(float v) {
    Value r;
    r.f = v;
    return r;
  }
};
template <> struct Carried<double> {
  static const Type type = sizeof(double) == 4 ? kFloat : kDouble;
  static double from(Value v) { return v.f; }
  static Value to(double v) { return Carried<float>::to(static_cast<float>(v)); }
};
template <> struct Carried<const char *> {
  static const Type type = kStr;
  static const char *from(Value v) { return v.s; }
  static Value to(const char *v) {
    Value r;
    r.s = v;
    return r;
  }
};
template <> struct Carried<IotAny> {
  static const Type type = kAny;
  static IotAny from(Value v) { return IotAny{v.s}; }
  static Value to(IotAny v) { return Carried<const char *>::to(v.text); }
};

// The type of a result. Small integers widen, so that a signature of three bits holds them.
template <class R> struct Result {
  static const Type own = Carried<R>::type;
  static const Type type = own == kInt8 || own == kUint8 ? kInt16 : own == kUint32 ? kInt32 : own == kDouble ? kFloat : own;
};
template <> struct Result<void> { static const Type type = kNone; };

// The type of a variable, and its size.
template <class T> struct Variable { static const Types value = Carried<T>::type | sizeof(T) << kSizeShift; };

// The types of arguments, packed.
template <class... A> struct Packed;
template <> struct Packed<> { static const Types value = 0; };
template <class A, class... Rest> struct Packed<A, Rest...> {
  static_assert(Carried<A>::type <= kTypeMask, "on this board an argument is int, unsigned, long, bool, float or const char *");
  static const Types value = Carried<A>::type | Packed<Rest...>::value << kTypeBits;
};

template <class R, class... A> struct Signature {
  static_assert(sizeof...(A) <= kMaxArguments, "too many arguments for this board");
  static const Types value = kFunction | Result<R>::type | Packed<A...>::value << kTypeBits;
};

// ---- The callers, one for each signature -----------------------------------------------------------------------

template <unsigned... I> struct Indices {};
template <unsigned N, unsigned... I> struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <unsigned... I> struct CountTo<0, I...> { typedef Indices<I...> type; };

template <class R, class... A> struct Call {
  static Value run(Function function, const Value *arguments) {
    return spread(function, arguments, typename CountTo<sizeof...(A)>::type());
  }
  template <unsigned... I> static Value spread(Function function, const Value *arguments, Indices<I...>) {
    (void)arguments;
    return Carried<R>::to(reinterpret_cast<R (*)(A...)>(function)(Carried<A>::from(arguments[I])...));
  }
};
template <class... A> struct Call<void, A...> {
  static Value run(Function function, const Value *arguments) {
    spread(function, arguments, typename CountTo<sizeof...(A)>::type());
    return Value();
  }
  template <unsigned... I> static void spread(Function function, const Value *arguments, Indices<I...>) {
    (void)arguments;
    reinterpret_cast<void (*)(A...)>(function)(Carried<A>::from(arguments[I])...);
  }
};

}  // namespace iotkit

#endif
