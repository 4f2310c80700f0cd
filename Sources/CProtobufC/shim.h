#ifndef LIFEECHO_CPROTOBUFC_SHIM_H
#define LIFEECHO_CPROTOBUFC_SHIM_H
#include <protobuf-c/protobuf-c.h>
#endif
