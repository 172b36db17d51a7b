using System.Runtime.InteropServices;

namespace Ambient.Identity.OpenSsl;

/// <summary>OpenSSL refused something that has nothing to do with a peer: a key, a certificate, a setting.</summary>
public sealed class OpenSslException : Exception
{
    private OpenSslException(string message)
        : base(message)
    {
    }

    internal static OpenSslException FromQueue(string operation) =>
        new($"OpenSSL cannot {operation}: {OpenSslErrors.Drain() ?? "it gives no reason"}.");
}

/// <summary>The calling thread's queue of OpenSSL errors.</summary>
internal static class OpenSslErrors
{
    /// <summary>ERR_GET_REASON of OpenSSL 3.</summary>
    public static int Reason(ulong error) => (int)(error & 0x7FFFFF);

    public static string Describe(ulong error) =>
        Marshal.PtrToStringUTF8(LibCrypto.ERR_reason_error_string(error)) ?? $"error {error:X}";

    /// <summary>Takes every error from the queue, oldest (the cause) first; null when there is none.</summary>
    public static string? Drain()
    {
        string? text = null;
        for (var error = LibCrypto.ERR_get_error(); error != 0; error = LibCrypto.ERR_get_error())
        {
            text = text is null ? Describe(error) : $"{text}; {Describe(error)}";
        }

        return text;
    }
}
