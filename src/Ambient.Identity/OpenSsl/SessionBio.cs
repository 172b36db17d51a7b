using System.Runtime.InteropServices;

namespace Ambient.Identity.OpenSsl;

/// <summary>
/// What stands between libssl and the bytes of a connection: a BIO whose reads and writes go to whatever the calling
/// thread has put into <see cref="Current"/>. libssl calls back only from inside our calls to it, on the same thread, so
/// nothing has to be found, pinned for longer, or kept: an idle session holds no buffer here.
/// </summary>
internal static unsafe class SessionBio
{
    [ThreadStatic]
    private static SessionBytes? _bytes;

    private static readonly nint Method = MakeMethod();

    /// <summary>The bytes that the calling thread's next libssl call works on.</summary>
    public static SessionBytes Current => _bytes ??= new SessionBytes();

    /// <summary>Makes a BIO, for SSL_set_bio to own.</summary>
    public static nint Create()
    {
        var bio = LibCrypto.BIO_new(Method);
        if (bio == 0)
        {
            throw OpenSslException.FromQueue("make a BIO");
        }

        LibCrypto.BIO_set_init(bio, 1);
        return bio;
    }

    private static nint MakeMethod()
    {
        var method = LibCrypto.BIO_meth_new(LibCrypto.BIO_get_new_index() | LibCrypto.BioSourceSink, "ambient session");
        if (method == 0
            || LibCrypto.BIO_meth_set_read(method, &Read) != 1
            || LibCrypto.BIO_meth_set_write(method, &Write) != 1
            || LibCrypto.BIO_meth_set_ctrl(method, &Control) != 1)
        {
            throw OpenSslException.FromQueue("define a BIO");
        }

        return method;
    }

    [UnmanagedCallersOnly]
    private static int Read(nint bio, byte* buffer, int length)
    {
        LibCrypto.BIO_clear_flags(bio, LibCrypto.BioRetryRead);
        var taken = Current.Take(new Span<byte>(buffer, length));
        if (taken == 0 && !Current.InputEnded)
        {
            LibCrypto.BIO_set_flags(bio, LibCrypto.BioRetryRead);
            return -1;
        }

        return taken;
    }

    [UnmanagedCallersOnly]
    private static int Write(nint bio, byte* data, int length)
    {
        Current.Append(new ReadOnlySpan<byte>(data, length));
        return length;
    }

    [UnmanagedCallersOnly]
    private static nint Control(nint bio, int command, nint number, nint pointer) => command == LibCrypto.BioCtrlFlush ? 1 : 0;
}

/// <summary>One thread's bytes to and from libssl, during one call.</summary>
internal sealed unsafe class SessionBytes
{
    private byte[] _output = new byte[32 * 1024];
    private byte* _input;
    private int _inputLength;

    /// <summary>Whether nothing follows the input.</summary>
    public bool InputEnded { get; private set; }

    /// <summary>Input that libssl has not taken.</summary>
    public int InputLeft => _inputLength;

    /// <summary>What libssl has written since <see cref="Begin"/>; valid until the thread's next call.</summary>
    public int OutputLength { get; private set; }

    /// <inheritdoc cref="OutputLength"/>
    public ReadOnlySpan<byte> Output => _output.AsSpan(0, OutputLength);

    /// <summary>Starts a call. The input stays pinned by the caller until <see cref="End"/>.</summary>
    public void Begin(byte* input, int length, bool ended)
    {
        _input = input;
        _inputLength = length;
        InputEnded = ended;
        OutputLength = 0;
    }

    public void End()
    {
        _input = null;
        _inputLength = 0;
    }

    internal int Take(Span<byte> into)
    {
        var count = Math.Min(into.Length, _inputLength);
        new ReadOnlySpan<byte>(_input, count).CopyTo(into);
        _input += count;
        _inputLength -= count;
        return count;
    }

    internal void Append(ReadOnlySpan<byte> data)
    {
        // Bound: one call writes one record, or one flight of a handshake, which libssl limits (100 KB of certificates).
        if (_output.Length - OutputLength < data.Length)
        {
            Array.Resize(ref _output, Math.Max(_output.Length * 2, OutputLength + data.Length));
        }

        data.CopyTo(_output.AsSpan(OutputLength));
        OutputLength += data.Length;
    }
}
