/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The program's version, from configure. */
#ifndef CRATEGATE_VERSION_H
#define CRATEGATE_VERSION_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef PACKAGE_VERSION
#define CG_VERSION PACKAGE_VERSION
#else
#define CG_VERSION "unknown"
#endif

#endif
