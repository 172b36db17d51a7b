using Ambient.Identity.Tls.Records;

namespace Ambient.Identity.Tls;

/// <summary>What a record held: a part of the record's own bytes, now opened.</summary>
/// <param name="Offset">Where the plaintext begins in the record.</param>
/// <param name="Length">Bytes of plaintext; 0 for post-handshake messages and empty records.</param>
/// <param name="Closed">The peer's close_notify: nothing follows.</param>
internal readonly record struct RecordContent(int Offset, int Length, bool Closed);

/// <summary>
/// Record protection of an established session (RFC 8446 §5), in place: a record is opened where it was received and sealed
/// where its payload was written. The seam between the buffers of a connection and whoever does the cryptography.
/// </summary>
internal abstract class TlsRecords : IDisposable
{
    /// <summary>Type, version, length.</summary>
    public const int HeaderSize = 5;

    /// <summary>Largest plaintext of a record, RFC 8446 §5.1.</summary>
    public const int MaxPayload = 1 << 14;

    /// <summary>Largest ciphertext of a record without its header, RFC 8446 §5.2.</summary>
    public const int MaxCiphertext = MaxPayload + 256;

    /// <summary>
    /// Room that sealing needs behind the payload: content type and tag (17 bytes), and a KeyUpdate record (27 bytes)
    /// that may have to go first.
    /// </summary>
    public const int TrailerRoom = 48;

    /// <summary>A whole record with its header, or a slot to make one in.</summary>
    public const int MaxRecord = HeaderSize + MaxCiphertext;

    /// <summary>The version in the header of every record (RFC 8446 §5.2).</summary>
    public const ushort Version = 0x303;

    /// <summary>What to send after <see cref="Open"/> has thrown: an alert, or nothing. Valid until the thread's next call.</summary>
    public abstract ReadOnlySpan<byte> Farewell { get; }

    /// <summary>
    /// What <see cref="Open"/> wants sent before anything is sealed after it: libssl may answer a request for new keys from inside.
    /// Valid until the thread's next call.
    /// </summary>
    public virtual ReadOnlySpan<byte> Answer => default;

    /// <summary>How often we replaced the keys: of what we send, and of what we receive. libssl keeps no count of its own.</summary>
    public virtual (int Sent, int Received) KeyUpdates => default;

    /// <summary>Takes over an established session.</summary>
    /// <exception cref="TlsException">It cannot be taken over.</exception>
    public static TlsRecords Create(TlsSession session, TlsOptions options)
    {
        if (session.TakeSecrets() is not { } secrets)
        {
            return new LibSslRecords(session);
        }

        session.Dispose();
        return new EvpRecords(session.Role, secrets, options.RecordsPerKey);
    }

    /// <summary>Opens one whole record. Of one that is larger than <see cref="MaxRecord"/> the header is enough.</summary>
    /// <exception cref="TlsException">It breaks the session.</exception>
    public abstract RecordContent Open(Span<byte> record);

    /// <summary>Seals a payload that begins at <see cref="HeaderSize"/> of the slot.</summary>
    /// <returns>Bytes to send, from the slot's beginning.</returns>
    public abstract int Seal(Span<byte> slot, int payload);

    /// <summary>Writes a sealed close_notify into a slot.</summary>
    /// <returns>Bytes to send, from the slot's beginning.</returns>
    public abstract int Close(Span<byte> slot);

    /// <inheritdoc/>
    public abstract void Dispose();
}
