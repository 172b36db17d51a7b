using System.Numerics;
using System.Runtime.InteropServices;

namespace Ambient.Telemetry.Metrics;

/// <summary>
/// The values of a series' labels, in the order of the family's label names. Immutable and hashed once, so that one
/// instance serves every family that counts the same thing.
/// </summary>
public sealed class LabelValues : IEquatable<LabelValues>
{
    /// <summary>The values of a family without labels.</summary>
    public static readonly LabelValues None = new();

    /// <summary>
    /// Different in each process. Names come from peers too; whoever finds some that collide fills one family's bounded table with them
    /// and no more.
    /// </summary>
    private static readonly ulong Seed = (ulong)Random.Shared.NextInt64();

    private readonly string[] _values;
    private readonly int _hash;

    /// <summary>Copies the values; none of them may be null.</summary>
    public LabelValues(params ReadOnlySpan<string> values)
    {
        _values = values.ToArray();
        _hash = HashOf(_values);
    }

    private LabelValues(string[] values, int hash) => (_values, _hash) = (values, hash);

    /// <summary>Takes over an array that nobody changes any more.</summary>
    internal static LabelValues Of(string[] values) => new(values, HashOf(values));

    /// <summary>How many values there are.</summary>
    public int Count => _values.Length;

    /// <summary>The value of the label at this place.</summary>
    public string this[int index] => _values[index];

    /// <inheritdoc/>
    public bool Equals(LabelValues? other) =>
        ReferenceEquals(this, other)
        || (other is not null && _hash == other._hash && _values.AsSpan().SequenceEqual(other._values));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LabelValues);

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <inheritdoc/>
    public override string ToString() => string.Join(',', _values);

    private static int HashOf(string[] values)
    {
        var hash = Seed;
        foreach (var value in values)
        {
            ArgumentNullException.ThrowIfNull(value, nameof(values));
            hash = Mix(hash, value);
        }

        return (int)(hash ^ (hash >> 32));
    }

    /// <summary>Eight bytes a step: a connection of 27 labels hashes half a kilobyte, and the general-purpose hash took microseconds.</summary>
    private static ulong Mix(ulong hash, string value)
    {
        const ulong Prime = 0x9E3779B97F4A7C15;
        var bytes = MemoryMarshal.AsBytes(value.AsSpan());
        hash = (hash ^ (ulong)bytes.Length) * Prime;
        while (bytes.Length >= sizeof(ulong))
        {
            hash = BitOperations.RotateLeft((hash ^ MemoryMarshal.Read<ulong>(bytes)) * Prime, 29);
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var unit in bytes)
        {
            hash = BitOperations.RotateLeft((hash ^ unit) * Prime, 29);
        }

        return hash;
    }
}
