/* A board with an AVR, simulated by libsimavr: one ELF, UART0 paced by its baud rate as on the chip, with the
 * chip's receive overrun; EEPROM in a file, ADC inputs, pin traces.
 *
 *   avrsim [-m MCU] [-e EEPROM_FILE] ELF            batch: commands on stdin, one JSON object a line on stdout
 *   avrsim [-m MCU] [-e EEPROM_FILE] [-x RATE] [-i] -p ELF  live: UART0 on a pty; RATE times real time, 0 unpaced
 *
 * Batch commands; each is answered when it is done. Time is the chip's, so every run gives the same numbers.
 *   send HEX      queue bytes for the chip's receiver, paced from now
 *   run MS        let MS milliseconds pass
 *   wait MS       the same, but stop as soon as the chip has sent a whole line
 *   adc N MV      put MV millivolts on analog input N
 *   reset         press the reset button
 * The answer: cycle (now), out (hex of what the chip sent), first_write (cycle at which its first byte was handed to
 * the transmitter, -1: none), last_read (cycle at which the last byte reached the receiver), overruns (bytes lost),
 * stack (peak bytes since reset), pins (changes as [port and bit, cycle, level]), pending (bytes yet to be received).
 *
 * Live, stdout has the pty's name first and then a line "PIN CYCLE LEVEL" for each pin change. Opening the pty resets the
 * board, as DTR does on an Uno. With -i, the batch commands adc and reset are read from stdin and obeyed without an
 * answer. The program ends with its parent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "avr_adc.h"
#include "avr_eeprom.h"
#include "avr_ioport.h"
#include "avr_uart.h"
#include "sim_avr.h"
#include "sim_elf.h"

DEFINE_FIFO(uint16_t, uart_fifo);

/* Bytes on their way: greater than any line or script needs; a power of two, the indices wrap. */
#define QUEUE 65536u
/* The receiver holds two bytes beside the one in its shift register. */
#define RECEIVER_BYTES 3
/* simavr counts eleven bits a byte where 8N1 has ten. */
#define SIMAVR_BITS 11
#define WIRE_BITS 10
#define MAX_PIN_CHANGES 4096
#define PORTS "BCD"

static avr_t *avr;
static avr_uart_t *uart;
static avr_irq_t *receiver;
static avr_cycle_count_t byte_cycles;

static uint8_t to_chip[QUEUE];
static uint32_t to_chip_head, to_chip_tail;
static avr_cycle_count_t next_delivery, last_read;

static struct {
  avr_cycle_count_t due;
  uint8_t byte;
} from_chip[QUEUE];
static uint32_t from_chip_head, from_chip_tail;
static avr_cycle_count_t transmitter_free;
static avr_cycle_count_t next_event; /* when a byte arrives at either end, at the latest */

/* What the current command is answered with. */
static uint8_t out[QUEUE];
static uint32_t out_length;
static int64_t first_write;
static unsigned overruns;
static uint16_t lowest_stack;
static struct {
  const char *name;
  avr_cycle_count_t cycle;
  int level;
} pins[MAX_PIN_CHANGES];
static int pin_changes;
static int live;

static volatile sig_atomic_t stopped;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static uint16_t stack_pointer(void) { return avr->data[R_SPL] | avr->data[R_SPH] << 8; }

/* The chip has (re)set its baud rate: keep the true length of a byte. */
static void update_byte_cycles(void) {
  if (uart->cycles_per_byte != byte_cycles) {
    byte_cycles = uart->cycles_per_byte * WIRE_BITS / SIMAVR_BITS;
    uart->cycles_per_byte = byte_cycles;
  }
}

static void on_transmit(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq, (void)param;
  update_byte_cycles();
  avr_cycle_count_t start = transmitter_free > avr->cycle ? transmitter_free : avr->cycle;
  transmitter_free = start + byte_cycles;
  if (transmitter_free < next_event) next_event = transmitter_free;
  from_chip[from_chip_tail % QUEUE].due = transmitter_free;
  from_chip[from_chip_tail++ % QUEUE].byte = value;
  if (first_write < 0) first_write = avr->cycle;
}

static void on_pin(struct avr_irq_t *irq, uint32_t value, void *param) {
  (void)irq;
  if (live) {
    printf("%s %llu %u\n", (const char *)param, (unsigned long long)avr->cycle, value);
    fflush(stdout);
  } else if (pin_changes < MAX_PIN_CHANGES) {
    pins[pin_changes].name = param;
    pins[pin_changes].cycle = avr->cycle;
    pins[pin_changes++].level = value;
  }
}

/* One byte is complete in the receiver; it is lost where the chip has not fetched those before. */
static void deliver(void) {
  uint8_t byte = to_chip[to_chip_head++ % QUEUE];
  last_read = avr->cycle;
  if (uart_fifo_get_read_size(&uart->input) >= RECEIVER_BYTES) {
    overruns++;
    return;
  }
  uart->cycles_per_byte = 1; /* now, not one byte's time later */
  avr_raise_irq(receiver, byte);
  uart->cycles_per_byte = byte_cycles;
}

/* Runs to this cycle; stops behind a line end if asked to. False: the program on the chip has crashed. */
static int run_to(avr_cycle_count_t target, int stop_at_line) {
  while (avr->cycle < target) {
    next_event = target;
    update_byte_cycles();
    if (to_chip_head != to_chip_tail) {
      if (!next_delivery) next_delivery = avr->cycle + byte_cycles;
      if (next_delivery < next_event) next_event = next_delivery;
    }
    if (from_chip_head != from_chip_tail && from_chip[from_chip_head % QUEUE].due < next_event)
      next_event = from_chip[from_chip_head % QUEUE].due;
    while (avr->cycle < next_event) {
      int state = avr_run(avr);
      if (state == cpu_Done || state == cpu_Crashed) return 0;
      uint16_t sp = stack_pointer();
      if (sp < lowest_stack && sp) lowest_stack = sp;
    }
    if (to_chip_head != to_chip_tail && next_delivery <= avr->cycle) {
      deliver();
      next_delivery = to_chip_head != to_chip_tail ? next_delivery + byte_cycles : 0;
    }
    if (from_chip_head != from_chip_tail && from_chip[from_chip_head % QUEUE].due <= avr->cycle) {
      uint8_t byte = from_chip[from_chip_head++ % QUEUE].byte;
      if (out_length < QUEUE) out[out_length++] = byte;
      if (stop_at_line && byte == '\n') return 1;
    }
  }
  return 1;
}

static void reset(void) {
  avr_reset(avr);
  uart->flags &= ~(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
  to_chip_head = to_chip_tail = from_chip_head = from_chip_tail = 0;
  next_delivery = transmitter_free = byte_cycles = 0;
  lowest_stack = avr->ramend;
}

static void no_sleep(avr_t *chip, avr_cycle_count_t cycles) { (void)chip, (void)cycles; }

static void eeprom(const char *path, int save) {
  static uint8_t bytes[4096];
  avr_eeprom_desc_t desc = {.ee = bytes, .offset = 0, .size = avr->e2end + 1};
  FILE *file = fopen(path, save ? "wb" : "rb");
  if (!file) {
    if (save) die(path);
    return; /* a new board: erased */
  }
  if (save) {
    avr_ioctl(avr, AVR_IOCTL_EEPROM_GET, &desc);
    fwrite(desc.ee, 1, desc.size, file);
  } else if (fread(bytes, 1, desc.size, file) == desc.size) {
    avr_ioctl(avr, AVR_IOCTL_EEPROM_SET, &desc);
  }
  fclose(file);
}

/* simavr's own messages would mix with the answers on stdout. */
static void log_errors(avr_t *chip, const int level, const char *format, va_list arguments) {
  (void)chip;
  if (level <= LOG_ERROR) vfprintf(stderr, format, arguments);
}

static void load(const char *mcu, const char *elf) {
  elf_firmware_t firmware;
  memset(&firmware, 0, sizeof firmware);
  if (elf_read_firmware(elf, &firmware)) exit(1);
  avr = avr_make_mcu_by_name(mcu);
  if (!avr) exit(1);
  avr_init(avr);
  avr_load_firmware(avr, &firmware);
  avr->frequency = 16000000;
  avr->log = LOG_ERROR;
  avr->sleep = no_sleep;
  avr->vcc = avr->avcc = avr->aref = 5000;
  for (avr_io_t *io = avr->io_port; io; io = io->next) {
    if (!strcmp(io->kind, "uart") && ((avr_uart_t *)io)->name == '0') uart = (avr_uart_t *)io;
  }
  if (!uart) {
    fprintf(stderr, "%s has no UART0\n", mcu);
    exit(1);
  }
  receiver = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), on_transmit, NULL);
  static char names[sizeof PORTS - 1][8][3];
  for (const char *port = PORTS; *port; port++) {
    for (int bit = 0; bit < 8; bit++) {
      char *name = names[port - PORTS][bit];
      name[0] = *port, name[1] = '0' + bit;
      avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ(*port), bit), on_pin, name);
    }
  }
  reset();
}

static void report(void) {
  printf("{\"cycle\": %llu, \"out\": \"", (unsigned long long)avr->cycle);
  for (uint32_t i = 0; i < out_length; i++) printf("%02x", out[i]);
  printf("\", \"first_write\": %lld, \"last_read\": %llu, \"overruns\": %u, \"stack\": %d, \"pending\": %u, \"pins\": [",
         (long long)first_write, (unsigned long long)last_read, overruns, avr->ramend - lowest_stack,
         to_chip_tail - to_chip_head);
  for (int i = 0; i < pin_changes; i++) {
    printf("%s[\"%s\", %llu, %d]", i ? ", " : "", pins[i].name, (unsigned long long)pins[i].cycle, pins[i].level);
  }
  puts("]}");
  fflush(stdout);
}

/* Obeys a command that takes no time; returns whether it was one. */
static int obey(const char *line) {
  unsigned number, value;
  if (sscanf(line, "adc %u %u", &number, &value) == 2) {
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + number), value);
  } else if (!strncmp(line, "reset", 5)) {
    reset();
  } else {
    return 0;
  }
  return 1;
}

static int batch(void) {
  static char line[2 * QUEUE + 16];
  while (fgets(line, sizeof line, stdin)) {
    unsigned value;
    double ms;
    int alive = 1;
    out_length = pin_changes = 0;
    first_write = -1;
    overruns = 0;
    if (!strncmp(line, "send ", 5)) {
      for (char *p = line + 5; sscanf(p, "%2x", &value) == 1; p += 2) to_chip[to_chip_tail++ % QUEUE] = value;
    } else if (sscanf(line, "run %lf", &ms) == 1) {
      alive = run_to(avr->cycle + ms * avr->frequency / 1000, 0);
    } else if (sscanf(line, "wait %lf", &ms) == 1) {
      alive = run_to(avr->cycle + ms * avr->frequency / 1000, 1);
    } else if (!obey(line)) {
      fprintf(stderr, "unknown command: %s", line);
      return 2;
    }
    report();
    if (!alive) {
      fprintf(stderr, "the program on the chip has crashed\n");
      return 3;
    }
  }
  return 0;
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int open_pty(void) {
  int master, slave;
  char name[128];
  struct termios raw;
  if (openpty(&master, &slave, name, NULL, NULL)) die("openpty");
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  close(slave);
  fcntl(master, F_SETFL, O_NONBLOCK);
  puts(name);
  fflush(stdout);
  return master;
}

/* Obeys the whole lines that have come on stdin. */
static void listen_to_stdin(void) {
  static char line[64];
  static size_t length;
  char c;
  while (read(STDIN_FILENO, &c, 1) == 1) {
    if (length < sizeof line - 1) line[length++] = c;
    if (c != '\n') continue;
    line[length] = 0;
    length = 0;
    obey(line);
  }
}

/* Moves bytes between the pty and the chip, in steps of 250 us. */
static int serve(double rate, int inputs) {
  const uint64_t step = 250000, tolerance = 100000000;
  int pty = open_pty(), closed = 1;
  uint64_t wall = now_ns();
  live = 1;
  if (inputs) fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  while (!stopped) {
    if (inputs) listen_to_stdin();
    uint8_t bytes[512];
    ssize_t n = read(pty, bytes, sizeof bytes);
    int was_closed = closed;
    closed = n < 0 && errno == EIO;
    if (was_closed && !closed) {
      reset();
      out_length = 0;
    }
    for (ssize_t i = 0; i < n; i++) to_chip[to_chip_tail++ % QUEUE] = bytes[i];
    if (!run_to(avr->cycle + avr->frequency / (1000000000 / step), 0)) return 3;
    if (out_length && !closed) n = write(pty, out, out_length);
    if (closed) n = out_length;
    if (n > 0 && out_length) {
      memmove(out, out + n, out_length - n);
      out_length -= n;
    }
    if (rate > 0) {
      wall += step / rate;
      uint64_t now = now_ns();
      if (wall > now) {
        struct timespec pause = {0, wall - now};
        nanosleep(&pause, NULL);
      } else if (now - wall > tolerance) {
        wall = now; /* the computer was too slow: lose time rather than race */
      }
    }
  }
  return 0;
}

static void on_signal(int number) {
  (void)number;
  stopped = 1;
}

int main(int argc, char **argv) {
  const char *mcu = "atmega328p", *eeprom_file = NULL;
  double rate = 1;
  int pty = 0, inputs = 0, option;
  while ((option = getopt(argc, argv, "m:e:x:ip")) != -1) {
    switch (option) {
      case 'm': mcu = optarg; break;
      case 'e': eeprom_file = optarg; break;
      case 'x': rate = atof(optarg); break;
      case 'i': inputs = 1; break;
      case 'p': pty = 1; break;
      default: return 2;
    }
  }
  if (optind + 1 != argc) return 2;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  avr_global_logger_set(log_errors);
  load(mcu, argv[optind]);
  if (eeprom_file) eeprom(eeprom_file, 0);
  int result = pty ? serve(rate, inputs) : batch();
  if (eeprom_file) eeprom(eeprom_file, 1);
  return result;
}
