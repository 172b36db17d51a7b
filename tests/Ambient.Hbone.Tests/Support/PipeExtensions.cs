using System.Buffers;
using System.IO.Pipelines;

namespace Ambient.Hbone.Tests.Support;

internal static class PipeExtensions
{
    /// <summary>Reads to the end.</summary>
    public static async Task<byte[]> ReadToEndAsync(this PipeReader reader)
    {
        var all = new ArrayBufferWriter<byte>();
        while (true)
        {
            var result = await reader.ReadAsync();
            foreach (var memory in result.Buffer)
            {
                all.Write(memory.Span);
            }

            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return all.WrittenSpan.ToArray();
            }
        }
    }

    /// <summary>Reads exactly so many bytes.</summary>
    public static async Task<byte[]> ReadExactlyAsync(this PipeReader reader, int count)
    {
        var all = new byte[count];
        for (var have = 0; have < count;)
        {
            var result = await reader.ReadAsync();
            var piece = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, count - have));
            piece.CopyTo(all.AsSpan(have));
            have += (int)piece.Length;
            reader.AdvanceTo(piece.End);
            Assert.True(have == count || !result.IsCompleted, $"ended after {have} of {count} bytes");
        }

        return all;
    }
}
