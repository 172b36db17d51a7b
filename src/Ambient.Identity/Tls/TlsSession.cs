using System.Runtime.InteropServices;
using Ambient.Api;
using Ambient.Identity.OpenSsl;
using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tls;

/// <summary>Where a handshake stands.</summary>
internal enum HandshakeState
{
    NeedsInput,
    Complete,
    Failed,
}

/// <summary>
/// One libssl session, without a socket: bytes in, bytes out. Every method is one synchronous call; what libssl wants
/// to send lies in <see cref="Output"/> until the thread's next call, after a failure too (an alert).
/// </summary>
internal sealed unsafe class TlsSession : IDisposable
{
    /// <summary>X509_V_ERR_CERT_REJECTED: we refused what OpenSSL had accepted; the peer gets the alert bad_certificate.</summary>
    private const int RefusedByUs = 28;

    [ThreadStatic]
    private static TlsSession? _running;

    private readonly SslHandle _handle;
    private readonly nint _ssl;
    private readonly TlsContext _context;
    private readonly PeerPolicy _policy;
    private TrafficSecrets? _secrets;
    private TlsException? _failure;
    private bool _accepted;

    public TlsSession(TlsContext context, PeerPolicy policy)
    {
        _context = context;
        _policy = policy;
        _secrets = context.Options.Records == TlsRecordLayer.Evp ? new TrafficSecrets() : null;
        LibCrypto.ERR_clear_error();
        var inUse = false;
        try
        {
            context.Handle.DangerousAddRef(ref inUse);
            _handle = new SslHandle(LibSsl.SSL_new(context.Handle.DangerousGetHandle()));
        }
        finally
        {
            if (inUse)
            {
                context.Handle.DangerousRelease();
            }
        }

        _ssl = _handle.DangerousGetHandle();
        if (_ssl == 0)
        {
            throw OpenSslException.FromQueue("make a TLS session");
        }

        var bio = SessionBio.Create();
        LibSsl.SSL_set_bio(_ssl, bio, bio);
        if (Role == TlsRole.Client)
        {
            LibSsl.SSL_set_connect_state(_ssl);
        }
        else
        {
            LibSsl.SSL_set_accept_state(_ssl);
        }
    }

    public TlsRole Role => _context.Role;

    /// <summary>The verified identity at the other end, once the handshake is complete.</summary>
    public SpiffeId Peer { get; private set; }

    /// <summary>Why it failed.</summary>
    public TlsException Failure => _failure ?? throw new InvalidOperationException("The session has not failed.");

    /// <summary>What the last call on this thread wants to have sent.</summary>
    public static ReadOnlySpan<byte> Output => SessionBio.Current.Output;

    /// <summary>Goes on with the handshake.</summary>
    /// <param name="input">What was received and not yet consumed.</param>
    /// <param name="ended">Whether nothing follows.</param>
    /// <param name="consumed">Bytes of the input that libssl has taken; the rest are records for after the handshake.</param>
    public HandshakeState Handshake(ReadOnlySpan<byte> input, bool ended, out int consumed)
    {
        fixed (byte* start = input)
        {
            Begin(start, input.Length, ended);
            var result = LibSsl.SSL_do_handshake(_ssl);
            var state = Judge(result, ended);
            consumed = input.Length - SessionBio.Current.InputLeft;
            End();
            return state;
        }
    }

    /// <summary>Opens one whole record; the plaintext replaces its beginning.</summary>
    /// <returns>Bytes of plaintext; 0 for a record without any.</returns>
    /// <exception cref="TlsException">The record or what is in it breaks the session.</exception>
    public int Open(Span<byte> record, out bool closed)
    {
        closed = false;
        fixed (byte* start = record)
        {
            Begin(start, record.Length, ended: false);
            var count = 0;
            while (true)
            {
                // Not in the way of the input: libssl has copied the record before it hands out plaintext, which is shorter.
                var result = LibSsl.SSL_read(_ssl, start + count, record.Length - count);
                if (result > 0)
                {
                    count += result;
                    continue;
                }

                var error = LibSsl.SSL_get_error(_ssl, result);
                if (error == LibSsl.ErrorZeroReturn)
                {
                    closed = true;
                }
                else if (error != LibSsl.ErrorWantRead)
                {
                    _failure = TlsFailures.FromQueue(error, duringHandshake: false);
                    End();
                    throw _failure;
                }

                End();
                return count;
            }
        }
    }

    /// <summary>Makes records of a plaintext; they are in <see cref="Output"/>.</summary>
    /// <exception cref="TlsException">The session is broken; it may have broken while reading.</exception>
    public void Seal(ReadOnlySpan<byte> plaintext)
    {
        if (_failure is not null)
        {
            throw _failure;
        }

        fixed (byte* start = plaintext)
        {
            Begin(null, 0, ended: false);
            for (var done = 0; done < plaintext.Length;)
            {
                var result = LibSsl.SSL_write(_ssl, start + done, plaintext.Length - done);
                if (result <= 0)
                {
                    _failure = TlsFailures.FromQueue(LibSsl.SSL_get_error(_ssl, result), duringHandshake: false);
                    End();
                    throw _failure;
                }

                done += result;
            }

            End();
        }
    }

    /// <summary>Makes a close_notify alert; it is in <see cref="Output"/>.</summary>
    public void Close()
    {
        Begin(null, 0, ended: false);
        if (_failure is null)
        {
            LibSsl.SSL_shutdown(_ssl);
            LibCrypto.ERR_clear_error();
        }

        End();
    }

    /// <summary>
    /// After the handshake: hands over the secrets for records of our own, for the caller to dispose; null if libssl makes the
    /// records. It has taken nothing then of what follows the handshake, and sent nothing.
    /// </summary>
    /// <exception cref="TlsException">It has, or has not told the secrets.</exception>
    public TrafficSecrets? TakeSecrets()
    {
        if (_secrets is { } secrets && (!secrets.AreKnown || LibSsl.SSL_has_pending(_ssl) != 0))
        {
            throw new TlsException(TlsFailure.Protocol, "libssl ended the handshake without handing over the records that follow.");
        }

        secrets = _secrets;
        _secrets = null;
        return secrets;
    }

    public void Dispose()
    {
        _secrets?.Dispose();
        _handle.Dispose();
    }

    /// <summary>Called by OpenSSL with each secret of the running handshake. Nothing but the keys of its records is made of them.</summary>
    [UnmanagedCallersOnly]
    internal static void TakeSecret(nint ssl, byte* line) =>
        _running!._secrets?.TakeLine(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(line));

    /// <summary>Called by OpenSSL to have the peer's chain verified, before the peer has proven that the key is its own.</summary>
    [UnmanagedCallersOnly]
    internal static int VerifyChain(nint store, nint unused)
    {
        var session = _running!;
        try
        {
            if (new PeerChain(store, session._context).Verify() is not { } chain)
            {
                session._failure = TlsFailures.FromVerification(
                    LibCrypto.X509_STORE_CTX_get_error(store), LibCrypto.X509_STORE_CTX_get_error_depth(store), session.Role);
                return 0;
            }

            session.Judge(chain);
        }
        catch (Exception exception)
        {
            // Above us is C, which cannot pass it on: whatever it is, it refuses the peer.
            session._accepted = false;
            session._failure = new TlsException(TlsFailure.UntrustedPeer, $"The peer's certificate cannot be judged: {exception.Message}", exception);
        }

        if (!session._accepted)
        {
            LibCrypto.X509_STORE_CTX_set_error(store, RefusedByUs);
        }

        return session._accepted ? 1 : 0;
    }

    /// <summary>Whose chain it is, each time: what is expected differs between connections.</summary>
    private void Judge(VerifiedChain chain)
    {
        _accepted = _policy.Accepts(chain.Uris, out var peer, out var complaint);
        Peer = peer;
        if (!_accepted)
        {
            _failure = new TlsException(
                TlsFailure.WrongPeerIdentity,
                $"The {(Role == TlsRole.Client ? "server" : "client")} is not who may be there: {complaint}.");
        }
    }

    private HandshakeState Judge(int result, bool ended)
    {
        if (result == 1)
        {
            if (_accepted)
            {
                return HandshakeState.Complete;
            }

            _failure = new TlsException(TlsFailure.UntrustedPeer, "The handshake ended without the peer's certificate being verified.");
            return HandshakeState.Failed;
        }

        var error = LibSsl.SSL_get_error(_ssl, result);
        if (error == LibSsl.ErrorWantRead && !ended)
        {
            return HandshakeState.NeedsInput;
        }

        _failure ??= TlsFailures.FromQueue(error, duringHandshake: true);
        LibCrypto.ERR_clear_error();
        return HandshakeState.Failed;
    }

    private void Begin(byte* input, int length, bool ended)
    {
        _running = this;
        LibCrypto.ERR_clear_error();
        SessionBio.Current.Begin(input, length, ended);
    }

    private static void End()
    {
        SessionBio.Current.End();
        _running = null;
    }
}
