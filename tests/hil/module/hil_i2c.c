// SPDX-License-Identifier: GPL-2.0
// An I2C adapter with one chip of 16-bit registers, high byte first, as the INA2xx family has them (TI SBOS547B, 7.5):
// the first byte of a write sets the register pointer, two more set the register; a read gives the register again and
// again. Registers and faults are set from outside, under /sys/kernel/debug/hil_i2c.
#include <linux/debugfs.h>
#include <linux/i2c.h>
#include <linux/module.h>

static u16 registers[256];
static u8 pointer;
static u8 address = 0x40;
// 0: none. 1: the chip does not answer, as bcm2835 says it. 2: the bus hangs. 3: every bit reads as one.
static u8 fault;
// The last bit of a result changes from one reading to the next, as every real one's does.
static u8 noise = 1;
static u32 transfers;
static struct dentry *folder;

static u16 result(u8 number)
{
	u16 value = registers[number];

	if (fault == 3)
		return 0xffff;
	if (noise && number == 0x01)
		value ^= transfers & 1;
	return value;
}

static int one(struct i2c_msg *message)
{
	u16 at;

	if (message->flags & I2C_M_RD) {
		for (at = 0; at < message->len; at++)
			message->buf[at] = result(pointer) >> (at % 2 ? 0 : 8);
		return 0;
	}
	if (message->len > 0)
		pointer = message->buf[0];
	if (message->len >= 3)
		registers[pointer] = message->buf[1] << 8 | message->buf[2];
	return 0;
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int at;

	transfers++;
	if (fault == 2)
		return -ETIMEDOUT;
	for (at = 0; at < count; at++) {
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
	int number;

	registers[0x00] = 0x4127;
	registers[0xfe] = 0x5449;
	registers[0xff] = 0x2260;
	folder = debugfs_create_dir("hil_i2c", NULL);
	for (number = 0; number < 256; number++) {
		char name[4];

		snprintf(name, sizeof(name), "%02x", number);
		debugfs_create_x16(name, 0600, folder, &registers[number]);
	}
	debugfs_create_u8("fault", 0600, folder, &fault);
	debugfs_create_u8("noise", 0600, folder, &noise);
	debugfs_create_x8("address", 0600, folder, &address);
	return i2c_add_numbered_adapter(&adapter);
}

static void __exit hil_exit(void)
{
	i2c_del_adapter(&adapter);
	debugfs_remove_recursive(folder);
}

module_init(hil_init);
module_exit(hil_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A chip of 16-bit registers for tests");
