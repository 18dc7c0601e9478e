// The low-level calls are a third of the cost of EVP's for a message as short as an item.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <openssl/md5.h>
