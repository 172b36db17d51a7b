namespace Ambient.Hbone;

/// <summary>
/// Places for bytes in one memory, with gaps between them for what goes before and after each: the payloads of records that a
/// transport will seal. One receive fills them all.
/// <code>
/// | First | Gap | Each | Gap | Each | … the last one ends with the memory
/// </code>
/// </summary>
/// <param name="Memory">All places and the gaps between them.</param>
/// <param name="First">Bytes of the first place.</param>
/// <param name="Each">Bytes of each other place.</param>
/// <param name="Gap">Bytes between two places.</param>
public readonly record struct Places(Memory<byte> Memory, int First, int Each, int Gap)
{
    /// <summary>A single place.</summary>
    public Places(Memory<byte> memory)
        : this(memory, memory.Length, 0, 0)
    {
    }

    /// <summary>No place at all.</summary>
    public bool IsEmpty => Memory.IsEmpty;

    /// <summary>Bytes that fit.</summary>
    public int Capacity
    {
        get
        {
            var behind = Memory.Length - First;
            if (behind <= Gap)
            {
                return Math.Min(First, Memory.Length);
            }

            var (whole, rest) = Math.DivRem(behind, Gap + Each);
            return First + (whole * Each) + Math.Max(0, rest - Gap);
        }
    }

    /// <summary>The same places without the first bytes of each.</summary>
    internal Places Behind(int header) => new(Memory[header..], First - header, Each - header, Gap + header);

    /// <summary>As many of the places as so many bytes fill.</summary>
    internal Places Limit(int most)
    {
        if (most <= First)
        {
            return new Places(Memory[..Math.Min(most, Memory.Length)]);
        }

        var (whole, rest) = Math.DivRem(most - First, Each);
        var length = First + (whole * (Gap + Each)) + (rest > 0 ? Gap + rest : 0);
        return length < Memory.Length ? this with { Memory = Memory[..length] } : this;
    }
}

/// <summary>
/// What a transport's writer may offer besides memory for one record at a time: the places of several. A stream that writes directly
/// passes them on, so that one receive of an application's socket fills many records.
/// </summary>
public interface IRecordWriter
{
    /// <summary>
    /// Lends places in memory that does not move: the rest of the record that has begun if <paramref name="least"/> bytes fit, else a
    /// new one, and whole ones behind it, as many as <paramref name="wanted"/> bytes fill and one buffer holds.
    /// </summary>
    Places Lend(int least, int wanted);

    /// <summary>Takes over bytes that were written into the places, beginning with the first; 0 gives the places back.</summary>
    void Take(int count);
}
