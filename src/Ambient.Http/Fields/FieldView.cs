using System.Text;

namespace Ambient.Http.Fields;

/// <summary>One field of a list, valid until the list changes.</summary>
public readonly ref struct FieldView
{
    internal FieldView(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, FieldKind kind, bool isSensitive)
    {
        Name = name;
        Value = value;
        Kind = kind;
        IsSensitive = isSensitive;
    }

    /// <summary>The name, in lower case.</summary>
    public ReadOnlySpan<byte> Name { get; }

    /// <summary>The value without surrounding whitespace.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>What the name means to this layer.</summary>
    public FieldKind Kind { get; }

    /// <summary>Never enters a compression table (RFC 7541 §6.2.3).</summary>
    public bool IsSensitive { get; }

    /// <summary>The name as text.</summary>
    public string NameText => Encoding.Latin1.GetString(Name);

    /// <summary>The value as text, one character per byte.</summary>
    public string ValueText => Encoding.Latin1.GetString(Value);
}
