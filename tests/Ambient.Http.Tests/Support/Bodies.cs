using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Ambient.Http.Tests.Support;

/// <summary>Bodies as tests want them.</summary>
internal static class Bodies
{
    public static async Task<string> ReadTextAsync(this PipeReader reader)
    {
        var text = new StringBuilder();
        while (true)
        {
            var result = await reader.ReadAsync();
            text.Append(Encoding.Latin1.GetString(result.Buffer));
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return text.ToString();
            }
        }
    }

    public static async Task WriteTextAsync(this PipeWriter writer, string text) =>
        await writer.WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Moves a body until its end, or until the writer's peer takes no more.</summary>
    public static async Task<bool> CopyAsync(PipeReader reader, PipeWriter writer)
    {
        while (true)
        {
            var result = await reader.ReadAsync();
            foreach (var memory in result.Buffer)
            {
                writer.Write(memory.Span);
            }

            var isLast = result.IsCompleted;
            reader.AdvanceTo(result.Buffer.End);
            if (isLast)
            {
                return true;
            }

            if ((await writer.FlushAsync()).IsCompleted)
            {
                return false;
            }
        }
    }
}
