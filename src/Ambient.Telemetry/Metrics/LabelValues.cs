namespace Ambient.Telemetry.Metrics;

/// <summary>
/// The values of a series' labels, in the order of the family's label names. Immutable and hashed once, so that one
/// instance serves every family that counts the same thing.
/// </summary>
public sealed class LabelValues : IEquatable<LabelValues>
{
    /// <summary>The values of a family without labels.</summary>
    public static readonly LabelValues None = new();

    private readonly string[] _values;
    private readonly int _hash;

    /// <summary>Copies the values; none of them may be null.</summary>
    public LabelValues(params ReadOnlySpan<string> values)
    {
        _values = values.ToArray();
        var hash = new HashCode();
        foreach (var value in _values)
        {
            ArgumentNullException.ThrowIfNull(value, nameof(values));
            hash.Add(value, StringComparer.Ordinal);
        }

        _hash = hash.ToHashCode();
    }

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
}
