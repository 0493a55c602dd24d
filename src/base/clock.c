/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategate/clock.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define DAYS_TO_1970 719468 /* from 1 March of year 0 */
#define DAYS_400_YEARS 146097
#define WALL_MIN INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define WALL_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z: beyond it neither form has room for the year */

static const char *const week_days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static struct timespec now(clockid_t clock)
{
    struct timespec ts;
    CG_ASSERT(clock_gettime(clock, &ts) == 0);
    return ts;
}

int64_t cg_clock_wall_s(void)
{
    return now(CLOCK_REALTIME).tv_sec;
}

int64_t cg_clock_mono_ms(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t cg_clock_mono_us(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* gmtime_r and timegm take libc's time zone lock, strftime and strptime ask the locale: so dates are reckoned here. */
struct date {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int week_day; /* 0: Sunday; only set by date_of */
};

/* Years begin in March, so that the leap day is the last one and months have a regular pattern: (153 m + 2) / 5 days
 * lie before the m-th of them. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    int64_t leaps = y >= 0 ? y / 4 - y / 100 + y / 400 : -1; /* the only year below 0 met is -1 */
    return 365 * y + leaps + (153 * m + 2) / 5 + day - 1 - DAYS_TO_1970;
}

static struct date date_of(int64_t wall_s)
{
    wall_s = wall_s < WALL_MIN ? WALL_MIN : wall_s > WALL_MAX ? WALL_MAX : wall_s;
    int64_t days = (wall_s - WALL_MIN) / DAY_S + WALL_MIN / DAY_S;
    int64_t second = wall_s - days * DAY_S;
    int64_t since = days + DAYS_TO_1970 + DAYS_400_YEARS; /* one cycle more, to stay positive in year 0 */
    int64_t in_cycle = since % DAYS_400_YEARS;
    int64_t year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int64_t in_year = in_cycle - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153;
    struct date d = {
        .year = (int)(year + (since / DAYS_400_YEARS - 1) * 400 + (month > 9)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(in_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(second / 3600),
        .minute = (int)(second / 60 % 60),
        .second = (int)(second % 60),
        .week_day = (int)((days % 7 + 11) % 7), /* 1 January 1970 was a Thursday */
    };
    return d;
}

static int month_length(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : lengths[month - 1];
}

/* A leap second (60) is taken for the one after it. */
static enum cg_err wall_of(const struct date *d, int64_t *wall_s_out)
{
    if (d->month < 1 || d->month > 12 || d->day < 1 || d->day > month_length(d->year, d->month))
        return CG_ERR_INVALID;
    if (d->hour > 23 || d->minute > 59 || d->second > 60)
        return CG_ERR_INVALID;
    *wall_s_out = days_of(d->year, d->month, d->day) * DAY_S + d->hour * 3600 + d->minute * 60 + d->second;
    return CG_OK;
}

/* Two or four digits of a number that is in range by construction. */
static char *put_number(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static char *put_time(char *at, const struct date *d)
{
    at = put_number(at, d->hour, 2);
    *at++ = ':';
    at = put_number(at, d->minute, 2);
    *at++ = ':';
    return put_number(at, d->second, 2);
}

void cg_time_rfc3339(int64_t wall_s, char out[CG_TIME_RFC3339_SIZE])
{
    struct date d = date_of(wall_s);
    char *at = put_number(out, d.year, 4);
    *at++ = '-';
    at = put_number(at, d.month, 2);
    *at++ = '-';
    at = put_number(at, d.day, 2);
    *at++ = 'T';
    at = put_time(at, &d);
    memcpy(at, "Z", 2);
}

void cg_time_http(int64_t wall_s, char out[CG_TIME_HTTP_SIZE])
{
    struct date d = date_of(wall_s);
    char *at = put_text(out, week_days[d.week_day], 3);
    at = put_text(at, ", ", 2);
    at = put_number(at, d.day, 2);
    *at++ = ' ';
    at = put_text(at, month_names + 3 * (d.month - 1), 3);
    *at++ = ' ';
    at = put_number(at, d.year, 4);
    *at++ = ' ';
    at = put_time(at, &d);
    memcpy(at, " GMT", 5);
}

/* The readers below move `*at` over what they expect, or say that it is not there. */
static bool take(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_number(const char **at, int width, int *value_out)
{
    int value = 0;
    for (int i = 0; i < width; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += width;
    *value_out = value;
    return true;
}

static bool take_time(const char **at, struct date *d)
{
    return take_number(at, 2, &d->hour) && take(at, ":") && take_number(at, 2, &d->minute) && take(at, ":") &&
           take_number(at, 2, &d->second);
}

static bool take_month(const char **at, int *month_out)
{
    for (int m = 0; m < 12; m++) {
        if (strncmp(*at, month_names + 3 * m, 3) != 0)
            continue;
        *at += 3;
        *month_out = m + 1;
        return true;
    }
    return false;
}

/* `len` letters of a day's name (0: all of it). Which day it names is not checked: the date counts. */
static bool take_week_day(const char **at, size_t len)
{
    for (int i = 0; i < 7; i++) {
        size_t n = len ? len : strlen(week_days[i]);
        if (strncmp(*at, week_days[i], n) != 0)
            continue;
        *at += n;
        return true;
    }
    return false;
}

static bool take_fraction(const char **at)
{
    if (!take(at, "."))
        return true;
    const char *digits = *at;
    while (**at >= '0' && **at <= '9')
        ++*at;
    return *at > digits;
}

/* "Z" or "+01:00"; seconds east of Greenwich. */
static bool take_offset(const char **at, int *offset_out)
{
    if (take(at, "Z") || take(at, "z")) {
        *offset_out = 0;
        return true;
    }
    int sign = **at == '-' ? -1 : 1, hours, minutes;
    if (!take(at, "+") && !take(at, "-"))
        return false;
    if (!take_number(at, 2, &hours) || !take(at, ":") || !take_number(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_out = sign * (hours * 3600 + minutes * 60);
    return true;
}

enum cg_err cg_time_parse_rfc3339(const char *text, int64_t *wall_s_out)
{
    const char *at = text;
    struct date d = {0};
    int offset;
    int64_t wall_s;
    if (!take_number(&at, 4, &d.year) || !take(&at, "-") || !take_number(&at, 2, &d.month) || !take(&at, "-") ||
        !take_number(&at, 2, &d.day) || !(take(&at, "T") || take(&at, "t")) || !take_time(&at, &d))
        return CG_ERR_INVALID;
    if (!take_fraction(&at) || !take_offset(&at, &offset) || *at)
        return CG_ERR_INVALID;
    enum cg_err rc = wall_of(&d, &wall_s);
    if (rc == CG_OK)
        *wall_s_out = wall_s - offset;
    return rc;
}

/* "Sun, 22 Nov 2026 06:07:55 GMT" */
static bool read_fixdate(const char *at, struct date *d)
{
    return take_week_day(&at, 3) && take(&at, ", ") && take_number(&at, 2, &d->day) && take(&at, " ") &&
           take_month(&at, &d->month) && take(&at, " ") && take_number(&at, 4, &d->year) && take(&at, " ") &&
           take_time(&at, d) && take(&at, " GMT") && !*at;
}

/* "Sunday, 22-Nov-26 06:07:55 GMT": a year more than fifty ahead is one of the last century. */
static bool read_rfc850(const char *at, struct date *d)
{
    if (!take_week_day(&at, 0) || !take(&at, ", ") || !take_number(&at, 2, &d->day) || !take(&at, "-") ||
        !take_month(&at, &d->month) || !take(&at, "-") || !take_number(&at, 2, &d->year) || !take(&at, " ") ||
        !take_time(&at, d) || !take(&at, " GMT") || *at)
        return false;
    int this_year = date_of(cg_clock_wall_s()).year;
    d->year += this_year / 100 * 100;
    if (d->year > this_year + 50)
        d->year -= 100;
    return true;
}

/* "Sun Nov 22 06:07:55 2026", the day padded with a blank */
static bool read_asctime(const char *at, struct date *d)
{
    if (!take_week_day(&at, 3) || !take(&at, " ") || !take_month(&at, &d->month) || !take(&at, " "))
        return false;
    bool day = take(&at, " ") ? take_number(&at, 1, &d->day) : take_number(&at, 2, &d->day);
    return day && take(&at, " ") && take_time(&at, d) && take(&at, " ") && take_number(&at, 4, &d->year) && !*at;
}

enum cg_err cg_time_parse_http(const char *text, int64_t *wall_s_out)
{
    struct date d = {0};
    /* RFC 9110 still obliges a recipient to read the two obsolete forms. */
    if (!read_fixdate(text, &d) && !read_rfc850(text, &d) && !read_asctime(text, &d))
        return CG_ERR_INVALID;
    return wall_of(&d, wall_s_out);
}
