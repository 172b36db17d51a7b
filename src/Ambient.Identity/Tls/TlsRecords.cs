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

    /// <summary>What to send after <see cref="Open"/> has thrown: an alert, or nothing. Valid until the thread's next call.</summary>
    public abstract ReadOnlySpan<byte> Farewell { get; }

    /// <summary>Opens one whole record.</summary>
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

/// <summary>Records made and opened by libssl, which costs a copy each way: the plain and proven choice.</summary>
internal sealed class LibSslRecords(TlsSession session) : TlsRecords
{
    public override ReadOnlySpan<byte> Farewell => TlsSession.Output;

    public override RecordContent Open(Span<byte> record)
    {
        var length = session.Open(record, out var closed);
        return new RecordContent(0, length, closed);
    }

    public override int Seal(Span<byte> slot, int payload)
    {
        session.Seal(slot.Slice(HeaderSize, payload));
        return TakeOutput(slot);
    }

    public override int Close(Span<byte> slot)
    {
        session.Close();
        return TakeOutput(slot);
    }

    public override void Dispose() => session.Dispose();

    private static int TakeOutput(Span<byte> slot)
    {
        TlsSession.Output.CopyTo(slot);
        return TlsSession.Output.Length;
    }
}
