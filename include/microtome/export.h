/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MICROTOME_EXPORT_H
#define MICROTOME_EXPORT_H

/* Marks exported symbols; all others are hidden. */
#if defined(_WIN32) && !defined(MT_STATIC)
#ifdef MT_BUILDING
#define MT_API __declspec(dllexport)
#else
#define MT_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define MT_API __attribute__((visibility("default")))
#else
#define MT_API
#endif

#ifdef __GNUC__
#define MT_MUST_CHECK __attribute__((warn_unused_result))
#define MT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MT_MUST_CHECK
#define MT_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
#define MT_BEGIN_DECLS extern "C" {
#define MT_END_DECLS }
#else
#define MT_BEGIN_DECLS
#define MT_END_DECLS
#endif

#endif
