using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ambient.Mesh.Model;

/// <summary>An address range, IPv4 or IPv6, compared without allocation. IPv4-mapped IPv6 addresses count as IPv4.</summary>
public readonly struct Cidr : IEquatable<Cidr>
{
    private readonly UInt128 _bits;
    private readonly bool _v6;

    private Cidr(UInt128 bits, bool v6, int length)
    {
        _v6 = v6;
        Length = length;
        _bits = bits & Mask(v6, length);
    }

    /// <summary>Leading bits that have to agree: 0–32 for IPv4, 0–128 for IPv6.</summary>
    public int Length { get; }

    /// <summary>Whether the range is of IPv6.</summary>
    public bool IsV6 => _v6;

    /// <summary>Whether the range holds exactly one address.</summary>
    public bool IsSingle => Length == (_v6 ? 128 : 32);

    /// <summary>The lowest address of the range.</summary>
    public IPAddress Base
    {
        get
        {
            Span<byte> bytes = stackalloc byte[16];
            if (_v6)
            {
                BinaryPrimitives.WriteUInt128BigEndian(bytes, _bits);
                return new IPAddress(bytes);
            }

            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)_bits);
            return new IPAddress(bytes[..4]);
        }
    }

    /// <summary>The range of one address.</summary>
    public static Cidr Of(IPAddress address) => Of(address, null);

    /// <summary>The range around an address.</summary>
    /// <exception cref="FormatException">The length is longer than the address.</exception>
    public static Cidr Of(IPAddress address, int? length)
    {
        var key = AddressBits.Of(address);
        var longest = key.IsV6 ? 128 : 32;
        var wanted = length ?? longest;
        return wanted >= 0 && wanted <= longest
            ? new Cidr(key.Bits, key.IsV6, wanted)
            : throw new FormatException(string.Create(CultureInfo.InvariantCulture,
                $"the prefix length {wanted} is not between 0 and {longest} for {address}"));
    }

    /// <summary>Reads <c>address/length</c>, or one address.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Cidr cidr)
    {
        cidr = default;
        var slash = text?.IndexOf('/') ?? -1;
        if (text is null || !AddressText.TryParse(slash < 0 ? text : text.AsSpan(0, slash), out var address))
        {
            return false;
        }

        int? length = null;
        if (slash >= 0)
        {
            if (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
                || parsed > (address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128))
            {
                return false;
            }

            length = parsed;
        }

        cidr = Of(address, length);
        return true;
    }

    /// <summary>Whether the address lies in the range; addresses of the other family never do.</summary>
    public bool Contains(in AddressBits address) =>
        address.IsV6 == _v6 && (address.Bits & Mask(_v6, Length)) == _bits;

    /// <inheritdoc cref="Contains(in AddressBits)" />
    public bool Contains(IPAddress address) => Contains(AddressBits.Of(address));

    /// <inheritdoc />
    public bool Equals(Cidr other) => _bits == other._bits && _v6 == other._v6 && Length == other.Length;

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is Cidr other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(_bits, _v6, Length);

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Base}/{Length}");

    /// <summary>Same range.</summary>
    public static bool operator ==(Cidr left, Cidr right) => left.Equals(right);

    /// <summary>Another range.</summary>
    public static bool operator !=(Cidr left, Cidr right) => !left.Equals(right);

    private static UInt128 Mask(bool v6, int length)
    {
        var width = v6 ? 128 : 32;
        return length == 0 ? 0 : (UInt128.MaxValue << (width - length)) & (v6 ? UInt128.MaxValue : uint.MaxValue);
    }
}

/// <summary>An address as a number, so that ranges compare without allocation.</summary>
public readonly record struct AddressBits(UInt128 Bits, bool IsV6)
{
    /// <summary>Reads an address; IPv4-mapped IPv6 becomes IPv4.</summary>
    public static AddressBits Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var written);
        if (written == 4)
        {
            return new AddressBits(BinaryPrimitives.ReadUInt32BigEndian(bytes), false);
        }

        return address.IsIPv4MappedToIPv6
            ? new AddressBits(BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]), false)
            : new AddressBits(BinaryPrimitives.ReadUInt128BigEndian(bytes), true);
    }
}

/// <summary>Addresses as people mean them: four dotted numbers, or IPv6. The platform's parser also takes <c>10.1</c> and <c>0x7f.1</c>.</summary>
public static class AddressText
{
    private static readonly SearchValues<char> V4Characters = SearchValues.Create("0123456789.");

    /// <summary>Reads an address; a scope id is refused.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        return (text.Contains(':') ? !text.ContainsAny('%', '[') : text.Count('.') == 3 && !text.ContainsAnyExcept(V4Characters))
            && IPAddress.TryParse(text, out address);
    }
}
