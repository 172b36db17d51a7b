using System.Runtime.InteropServices;

namespace Ambient.Identity.OpenSsl;

/// <summary>The part of libcrypto 3 that we use, under its own names (see its manual pages).</summary>
internal static unsafe partial class LibCrypto
{
    internal const int SubjectAlternativeNames = 85; // NID_subject_alt_name

    /// <summary>X509_V_FLAG_PARTIAL_CHAIN: a root that the CA handed out is trusted even if another CA signed it.</summary>
    internal const nuint VerifyPartialChain = 0x80000;

    internal const int BioSourceSink = 0x400;
    internal const int BioCtrlFlush = 11;
    internal const int BioRetryRead = 0x1 | 0x8;

    internal const int CtrlGetTag = 0x10; // EVP_CTRL_AEAD_GET_TAG
    internal const int CtrlSetTag = 0x11; // EVP_CTRL_AEAD_SET_TAG

    private const string Library = "libcrypto.so.3";

    [LibraryImport(Library)]
    internal static partial void ERR_clear_error();

    [LibraryImport(Library)]
    internal static partial ulong ERR_get_error();

    [LibraryImport(Library)]
    internal static partial nint ERR_reason_error_string(ulong error);

    [LibraryImport(Library)]
    internal static partial nint X509_verify_cert_error_string(nint code);

    [LibraryImport(Library)]
    internal static partial nint d2i_X509(nint reuse, byte** der, nint length);

    [LibraryImport(Library)]
    internal static partial void X509_free(nint certificate);

    [LibraryImport(Library)]
    internal static partial int X509_get_ext_by_NID(nint certificate, int kind, int after);

    [LibraryImport(Library)]
    internal static partial nint X509_get_ext(nint certificate, int index);

    [LibraryImport(Library)]
    internal static partial nint X509_EXTENSION_get_data(nint extension);

    [LibraryImport(Library)]
    internal static partial byte* ASN1_STRING_get0_data(nint text);

    [LibraryImport(Library)]
    internal static partial int ASN1_STRING_length(nint text);

    [LibraryImport(Library)]
    internal static partial int X509_STORE_add_cert(nint store, nint certificate);

    [LibraryImport(Library)]
    internal static partial int X509_VERIFY_PARAM_set_flags(nint parameters, nuint flags);

    [LibraryImport(Library)]
    internal static partial int X509_STORE_CTX_get_error(nint context);

    [LibraryImport(Library)]
    internal static partial void X509_STORE_CTX_set_error(nint context, int error);

    [LibraryImport(Library)]
    internal static partial int X509_STORE_CTX_get_error_depth(nint context);

    /// <summary>The certificate to verify.</summary>
    [LibraryImport(Library)]
    internal static partial nint X509_STORE_CTX_get0_cert(nint context);

    /// <summary>What the peer presented: that certificate and what came with it.</summary>
    [LibraryImport(Library)]
    internal static partial nint X509_STORE_CTX_get0_untrusted(nint context);

    /// <summary>What was verified, from the leaf to the trust anchor.</summary>
    [LibraryImport(Library)]
    internal static partial nint X509_STORE_CTX_get0_chain(nint context);

    [LibraryImport(Library)]
    internal static partial int X509_verify_cert(nint context);

    [LibraryImport(Library)]
    internal static partial int i2d_X509(nint certificate, byte** der);

    [LibraryImport(Library)]
    internal static partial nint X509_get0_notBefore(nint certificate);

    [LibraryImport(Library)]
    internal static partial nint X509_get0_notAfter(nint certificate);

    [LibraryImport(Library)]
    internal static partial nint ASN1_TIME_set(nint reuse, long unixSeconds);

    [LibraryImport(Library)]
    internal static partial int ASN1_TIME_diff(int* days, int* seconds, nint from, nint to);

    [LibraryImport(Library)]
    internal static partial int OPENSSL_sk_num(nint stack);

    [LibraryImport(Library)]
    internal static partial nint OPENSSL_sk_value(nint stack, int index);

    [LibraryImport(Library)]
    internal static partial nint d2i_AutoPrivateKey(nint reuse, byte** der, nint length);

    [LibraryImport(Library)]
    internal static partial void EVP_PKEY_free(nint key);

    [LibraryImport(Library)]
    internal static partial int BIO_get_new_index();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint BIO_meth_new(int type, string name);

    [LibraryImport(Library)]
    internal static partial int BIO_meth_set_write(nint method, delegate* unmanaged<nint, byte*, int, int> write);

    [LibraryImport(Library)]
    internal static partial int BIO_meth_set_read(nint method, delegate* unmanaged<nint, byte*, int, int> read);

    [LibraryImport(Library)]
    internal static partial int BIO_meth_set_ctrl(nint method, delegate* unmanaged<nint, int, nint, nint, nint> control);

    [LibraryImport(Library)]
    internal static partial nint BIO_new(nint method);

    [LibraryImport(Library)]
    internal static partial void BIO_set_init(nint bio, int init);

    [LibraryImport(Library)]
    internal static partial void BIO_set_flags(nint bio, int flags);

    [LibraryImport(Library)]
    internal static partial void BIO_clear_flags(nint bio, int flags);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint EVP_CIPHER_fetch(nint library, string name, string? properties);

    [LibraryImport(Library)]
    internal static partial nint EVP_CIPHER_CTX_new();

    /// <summary>Wipes the key, too.</summary>
    [LibraryImport(Library)]
    internal static partial void EVP_CIPHER_CTX_free(nint context);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    internal static partial int EVP_CipherInit_ex2(nint context, nint cipher, byte* key, byte* iv, int encrypts, nint parameters);

    /// <summary>At most a record: microseconds, but enough of them to let the collector interrupt.</summary>
    [LibraryImport(Library)]
    internal static partial int EVP_CipherUpdate(nint context, byte* output, int* written, byte* input, int length);

    /// <summary>The same for a few bytes, as additional data.</summary>
    [LibraryImport(Library, EntryPoint = nameof(EVP_CipherUpdate))]
    [SuppressGCTransition]
    internal static partial int EVP_CipherUpdateBriefly(nint context, byte* output, int* written, byte* input, int length);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    internal static partial int EVP_CipherFinal_ex(nint context, byte* output, int* written);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    internal static partial int EVP_CIPHER_CTX_ctrl(nint context, int command, int number, byte* pointer);
}
