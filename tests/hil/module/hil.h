/* SPDX-License-Identifier: GPL-2.0 */
// The gpiochip as the chips see it.
#include <linux/types.h>

// The wire of the INA226's ALERT pin: pulled down, or let go.
void hil_alert(bool pulls);
int hil_gpio_init(void);
void hil_gpio_exit(void);
