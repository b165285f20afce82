// SPDX-License-Identifier: GPL-2.0
// A gpiochip whose inputs make interrupts, which QEMU's BCM2835 does not. Its lines are pulled up; line 0 is the wire of
// the INA226's ALERT pin. From the handler of its interrupts on everything is the kernel's own: gpiolib, the character
// device, its queue of edges with their times.
//
// Under /sys/kernel/debug/hil_gpio: `pull` takes and shows what is pulled down from outside, a bit a line, `levels` shows
// every line as a meter would.
#include <linux/debugfs.h>
#include <linux/gpio/driver.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include "hil.h"

#define LINES 8

static DEFINE_RAW_SPINLOCK(lock);
// A bit a line: driven by the program that holds it; the level it drives; pulled down by the chip or from outside.
static u8 driven, latch, pulled, outside;
// Which edges of a line interrupt, and whether it may.
static unsigned int types[LINES];
static u8 masked = 0xff;
static struct dentry *folder;
static struct gpio_chip chip;

static u8 levels(void)
{
	return (driven & latch) | (~driven & ~(pulled | outside));
}

// Changes what pulls, and interrupts for each line that moved.
static void pull(u8 *what, u8 to)
{
	unsigned long flags;
	u8 before, after, moved = 0;
	int line;

	raw_spin_lock_irqsave(&lock, flags);
	before = levels();
	*what = to;
	after = levels();
	for (line = 0; line < LINES; line++) {
		unsigned int edge = after & BIT(line) ? IRQ_TYPE_EDGE_RISING : IRQ_TYPE_EDGE_FALLING;

		if (((before ^ after) & ~masked & BIT(line)) && (types[line] & edge))
			moved |= BIT(line);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	for (line = 0; line < LINES; line++)
		if (moved & BIT(line))
			generic_handle_domain_irq_safe(chip.irq.domain, line);
}

void hil_alert(bool pulls)
{
	pull(&pulled, pulls);
}

static int get(struct gpio_chip *gc, unsigned int line)
{
	return !!(levels() & BIT(line));
}

static void set(struct gpio_chip *gc, unsigned int line, int value)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	latch = value ? latch | BIT(line) : latch & ~BIT(line);
	raw_spin_unlock_irqrestore(&lock, flags);
}

static int get_direction(struct gpio_chip *gc, unsigned int line)
{
	return driven & BIT(line) ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int direction_input(struct gpio_chip *gc, unsigned int line)
{
	driven &= ~BIT(line);
	return 0;
}

static int direction_output(struct gpio_chip *gc, unsigned int line, int value)
{
	set(gc, line, value);
	driven |= BIT(line);
	return 0;
}

static void irq_mask(struct irq_data *data)
{
	masked |= BIT(irqd_to_hwirq(data));
	gpiochip_disable_irq(&chip, irqd_to_hwirq(data));
}

static void irq_unmask(struct irq_data *data)
{
	gpiochip_enable_irq(&chip, irqd_to_hwirq(data));
	masked &= ~BIT(irqd_to_hwirq(data));
}

static int irq_set_type(struct irq_data *data, unsigned int type)
{
	if (type & ~IRQ_TYPE_EDGE_BOTH)
		return -EINVAL;
	types[irqd_to_hwirq(data)] = type;
	return 0;
}

static const struct irq_chip interrupts = {
	.name = "hil-gpio",
	.irq_mask = irq_mask,
	.irq_unmask = irq_unmask,
	.irq_set_type = irq_set_type,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static struct gpio_chip chip = {
	.label = "hil-gpio",
	.owner = THIS_MODULE,
	.base = -1,
	.ngpio = LINES,
	.get = get,
	.set = set,
	.get_direction = get_direction,
	.direction_input = direction_input,
	.direction_output = direction_output,
};

static int pull_set(void *data, u64 value)
{
	pull(&outside, value);
	return 0;
}

static int pull_get(void *data, u64 *value)
{
	*value = outside;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(pull_file, pull_get, pull_set, "%llu\n");

static int levels_get(void *data, u64 *value)
{
	*value = levels();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(levels_file, levels_get, NULL, "0x%02llx\n");

int hil_gpio_init(void)
{
	gpio_irq_chip_set_chip(&chip.irq, &interrupts);
	chip.irq.handler = handle_simple_irq;
	chip.irq.default_type = IRQ_TYPE_NONE;
	folder = debugfs_create_dir("hil_gpio", NULL);
	debugfs_create_file_unsafe("pull", 0600, folder, NULL, &pull_file);
	debugfs_create_file_unsafe("levels", 0400, folder, NULL, &levels_file);
	return gpiochip_add_data(&chip, NULL);
}

void hil_gpio_exit(void)
{
	debugfs_remove_recursive(folder);
	gpiochip_remove(&chip);
}
