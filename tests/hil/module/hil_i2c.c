// SPDX-License-Identifier: GPL-2.0
// An I2C adapter with one chip of 16-bit registers, high byte first, as the INA2xx family has them (TI SBOS547B, 7.5):
// the first byte of a write sets the register pointer, two more set the register; a read gives the register again and
// again. Registers and faults are set from outside, under /sys/kernel/debug/hil_i2c.
//
// The chip compares VBUS with its limit by itself and pulls its ALERT pin as an INA226 does (SBOS547B 7.4.1 and table 15: BUL,
// APOL, LEN, AFF); its next conversion ends as soon as a register is set or a transfer begins.
//
// Beside it hang two port expanders: at 0x20 an MCP23017 (Microchip DS20001952, BANK = 0: 22 registers of a byte, the pointer
// counts on and round), at 0x38 a PCF8574A (TI SCPS068: one byte, no register). Write 1 to `dip` and their power was away.
#include <linux/debugfs.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include "hil.h"

#define VBUS 0x02
#define MASK_ENABLE 0x06
#define ALERT_LIMIT 0x07
#define BUL BIT(12)
#define AFF BIT(4)
#define APOL BIT(1)
#define LEN BIT(0)
// What a write to MASK_ENABLE leaves: the functions, the polarity, the latch.
#define MASK_KEPT 0xfc03

static u16 registers[256];
// The alert has been raised and, when latched, not yet read.
static bool raised;
static u8 pointer;
static u8 address = 0x40;
// 0: none. 1: the chip does not answer, as bcm2835 says it. 2: the bus hangs. 3: every bit reads as one.
static u8 fault;
// The last bit of a result changes from one reading to the next, as every real one's does.
static u8 noise = 1;
static u32 transfers;
static struct dentry *folder;
#define MCP_REGISTERS 22
static u8 mcp[MCP_REGISTERS];
static u8 mcp_pointer;
static u8 pcf;
// How often a PCF8574 or an MCP23017 was written to.
static u32 expander_writes;

static u16 result(u8 number)
{
	u16 value = registers[number];

	if (fault == 3)
		return 0xffff;
	if (noise && number == 0x01)
		value ^= transfers & 1;
	return value;
}

// The pin: low when the alert is raised, unless APOL turns it round.
static void drive(void)
{
	hil_alert(raised != !!(registers[MASK_ENABLE] & APOL));
}

static void compare(void)
{
	u16 mask = registers[MASK_ENABLE];
	bool under = (mask & BUL) && registers[VBUS] < registers[ALERT_LIMIT];

	raised = under || (raised && (mask & LEN) && (mask & BUL));
	drive();
}

static void one(struct i2c_msg *message)
{
	u16 at;

	if (message->flags & I2C_M_RD) {
		u16 flags = pointer == MASK_ENABLE && raised ? AFF : 0;

		for (at = 0; at < message->len; at++)
			message->buf[at] = (result(pointer) | flags) >> (at % 2 ? 0 : 8);
		if (pointer == MASK_ENABLE) {
			raised = false;
			drive();
		}
		return;
	}
	if (message->len > 0)
		pointer = message->buf[0];
	if (message->len >= 3) {
		registers[pointer] = message->buf[1] << 8 | message->buf[2];
		if (pointer == MASK_ENABLE)
			registers[pointer] &= MASK_KEPT;
	}
}

static int register_get(void *data, u64 *value)
{
	*value = *(u16 *)data;
	return 0;
}

static int register_set(void *data, u64 value)
{
	*(u16 *)data = value;
	compare();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(register_file, register_get, register_set, "0x%04llx\n");

static void power_on(void)
{
	memset(mcp, 0, sizeof(mcp));
	mcp[0x00] = 0xff;
	mcp[0x01] = 0xff;
	mcp_pointer = 0;
	pcf = 0xff;
}

// A port's pins: driven ones as their latch has it, the others pulled up.
static u8 mcp_read(u8 number)
{
	u8 port = number & 1;

	if ((number & ~1) != 0x12)
		return mcp[number];
	return (mcp[0x14 + port] & ~mcp[port]) | mcp[port];
}

static void mcp_one(struct i2c_msg *message)
{
	int at;

	for (at = 0; at < message->len; at++) {
		if (!(message->flags & I2C_M_RD) && at == 0) {
			mcp_pointer = message->buf[0] % MCP_REGISTERS;
			continue;
		}
		if (message->flags & I2C_M_RD)
			message->buf[at] = mcp_read(mcp_pointer);
		else
			mcp[mcp_pointer] = message->buf[at];
		mcp_pointer = (mcp_pointer + 1) % MCP_REGISTERS;
	}
	expander_writes += !(message->flags & I2C_M_RD) && message->len > 1;
}

static void pcf_one(struct i2c_msg *message)
{
	if (message->flags & I2C_M_RD) {
		memset(message->buf, pcf, message->len);
	} else if (message->len > 0) {
		pcf = message->buf[0];
		expander_writes++;
	}
}

static int dip_set(void *data, u64 value)
{
	power_on();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(dip, NULL, dip_set, "%llu\n");

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int at;

	transfers++;
	if (fault == 2)
		return -ETIMEDOUT;
	compare();
	for (at = 0; at < count; at++) {
		if (messages[at].addr == 0x20) {
			mcp_one(&messages[at]);
			continue;
		}
		if (messages[at].addr == 0x38) {
			pcf_one(&messages[at]);
			continue;
		}
		if (messages[at].addr != address || fault == 1)
			return -EREMOTEIO;
		one(&messages[at]);
	}
	return count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = {
	.xfer = transfer,
	.functionality = functionality,
};

static struct i2c_adapter adapter = {
	.owner = THIS_MODULE,
	.algo = &algorithm,
	.name = "hil",
	.nr = 7,
};

static int __init hil_init(void)
{
	int number, failed;

	failed = hil_gpio_init();
	if (failed)
		return failed;
	power_on();
	registers[0x00] = 0x4127;
	registers[0xfe] = 0x5449;
	registers[0xff] = 0x2260;
	folder = debugfs_create_dir("hil_i2c", NULL);
	for (number = 0; number < 256; number++) {
		char name[4];

		snprintf(name, sizeof(name), "%02x", number);
		debugfs_create_file_unsafe(name, 0600, folder, &registers[number], &register_file);
	}
	debugfs_create_u8("fault", 0600, folder, &fault);
	debugfs_create_u8("noise", 0600, folder, &noise);
	debugfs_create_x8("mcp_iodira", 0400, folder, &mcp[0x00]);
	debugfs_create_x8("mcp_olata", 0400, folder, &mcp[0x14]);
	debugfs_create_x8("pcf", 0400, folder, &pcf);
	debugfs_create_u32("expander_writes", 0400, folder, &expander_writes);
	debugfs_create_file_unsafe("dip", 0200, folder, NULL, &dip);
	debugfs_create_x8("address", 0600, folder, &address);
	return i2c_add_numbered_adapter(&adapter);
}

static void __exit hil_exit(void)
{
	i2c_del_adapter(&adapter);
	debugfs_remove_recursive(folder);
	hil_gpio_exit();
}

module_init(hil_init);
module_exit(hil_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Chips on an I2C bus and a gpiochip, for tests");
