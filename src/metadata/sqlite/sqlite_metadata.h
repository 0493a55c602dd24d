/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The SQLite driver of metadata.h: WAL, synchronous FULL, FTS5, one writer, a read connection a thread. */
#ifndef CG_METADATA_SQLITE_METADATA_H
#define CG_METADATA_SQLITE_METADATA_H

#include "crategate/metadata.h"

/* Opens or makes the database file and brings its schema up to date. A database of a newer version is refused. */
enum cg_err cg_sqlite_metadata_new(const char *path, struct cg_metadata **md_out, struct cg_error *err) CG_CHECK;

#endif
