using System.Globalization;

namespace Ambient.Xds.Delta;

/// <summary>
/// A version that a client holds. Versions made of content are 64 bits in hexadecimal, Istio's and ours, and are kept as a number: with a
/// hundred thousand resources that is five megabytes less than their texts.
/// </summary>
internal readonly record struct HeldVersion
{
    private readonly ulong _number;
    private readonly string? _text;

    public HeldVersion(string version)
    {
        if (!ulong.TryParse(version, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _number)
            || !_number.TryFormat(stackalloc char[16], out var length, "x", CultureInfo.InvariantCulture) || length != version.Length
            || version.AsSpan().ContainsAnyInRange('A', 'F'))
        {
            _text = version;
        }
    }

    public override string ToString() => _text ?? _number.ToString("x", CultureInfo.InvariantCulture);
}
