using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Ambient.Xds.Delta;

/// <summary>
/// The version of a resource that follows from its content alone, so that every replica of a control plane, before and after a
/// restart, gives the same: XXH64 of the encoded message in hexadecimal, as Istio has it.
/// </summary>
public static class ContentVersion
{
    private const ulong Prime1 = 0x9E3779B185EBCA87;
    private const ulong Prime2 = 0xC2B2AE3D27D4EB4F;
    private const ulong Prime3 = 0x165667B19E3779F9;
    private const ulong Prime4 = 0x85EBCA77C2B2AE63;
    private const ulong Prime5 = 0x27D4EB2F165667C5;

    /// <summary>The version of these bytes.</summary>
    public static string Of(ReadOnlySpan<byte> content) => Hash(content).ToString("x", CultureInfo.InvariantCulture);

    /// <summary>XXH64 with seed 0.</summary>
    internal static ulong Hash(ReadOnlySpan<byte> content)
    {
        var length = (ulong)content.Length;
        ulong hash;
        if (content.Length >= 32)
        {
            ulong lane1 = unchecked(Prime1 + Prime2), lane2 = Prime2, lane3 = 0, lane4 = unchecked(0 - Prime1);
            while (content.Length >= 32)
            {
                lane1 = Round(lane1, Read64(content));
                lane2 = Round(lane2, Read64(content[8..]));
                lane3 = Round(lane3, Read64(content[16..]));
                lane4 = Round(lane4, Read64(content[24..]));
                content = content[32..];
            }

            hash = BitOperations.RotateLeft(lane1, 1) + BitOperations.RotateLeft(lane2, 7)
                + BitOperations.RotateLeft(lane3, 12) + BitOperations.RotateLeft(lane4, 18);
            hash = Merge(Merge(Merge(Merge(hash, lane1), lane2), lane3), lane4);
        }
        else
        {
            hash = Prime5;
        }

        return Finish(hash + length, content);
    }

    private static ulong Finish(ulong hash, ReadOnlySpan<byte> rest)
    {
        while (rest.Length >= 8)
        {
            hash = BitOperations.RotateLeft(hash ^ Round(0, Read64(rest)), 27) * Prime1 + Prime4;
            rest = rest[8..];
        }

        if (rest.Length >= 4)
        {
            hash = BitOperations.RotateLeft(hash ^ (BinaryPrimitives.ReadUInt32LittleEndian(rest) * Prime1), 23) * Prime2 + Prime3;
            rest = rest[4..];
        }

        foreach (var unit in rest)
        {
            hash = BitOperations.RotateLeft(hash ^ (unit * Prime5), 11) * Prime1;
        }

        hash = (hash ^ (hash >> 33)) * Prime2;
        hash = (hash ^ (hash >> 29)) * Prime3;
        return hash ^ (hash >> 32);
    }

    private static ulong Read64(ReadOnlySpan<byte> content) => BinaryPrimitives.ReadUInt64LittleEndian(content);

    private static ulong Round(ulong lane, ulong input) => BitOperations.RotateLeft(lane + (input * Prime2), 31) * Prime1;

    private static ulong Merge(ulong hash, ulong lane) => (hash ^ Round(0, lane)) * Prime1 + Prime4;
}
