using System.Collections;

namespace Ambient.Hbone;

/// <summary>Header or trailer fields in the order of arrival, pseudo-header fields left out. Immutable once received.</summary>
public sealed class HeaderList : IReadOnlyList<HeaderField>
{
    /// <summary>A list without fields.</summary>
    public static readonly HeaderList Empty = new([]);

    private readonly HeaderField[] _fields;

    /// <summary>A list of these fields.</summary>
    public HeaderList(params ReadOnlySpan<HeaderField> fields) => _fields = fields.ToArray();

    /// <inheritdoc/>
    public int Count => _fields.Length;

    /// <inheritdoc/>
    public HeaderField this[int index] => _fields[index];

    /// <summary>The value of the first field of this lower-case name, or null.</summary>
    public string? this[string name]
    {
        get
        {
            foreach (var field in _fields)
            {
                if (field.Name == name)
                {
                    return field.Value;
                }
            }

            return null;
        }
    }

    /// <summary>The fields without copying.</summary>
    public ReadOnlySpan<HeaderField> AsSpan() => _fields;

    /// <inheritdoc/>
    public IEnumerator<HeaderField> GetEnumerator() => ((IEnumerable<HeaderField>)_fields).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _fields.GetEnumerator();
}
