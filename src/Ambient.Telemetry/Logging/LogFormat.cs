using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Logging;

/// <summary>How a line looks.</summary>
public enum LogFormat
{
    /// <summary><c>time\tlevel\tscope\tmessage\tkey=value …</c>, strings quoted, numbers and addresses bare.</summary>
    Plain,

    /// <summary>One JSON object: level, time, scope, message, then the values.</summary>
    Json,
}

/// <summary>One line, on its way into the buffer.</summary>
internal readonly record struct LogLine(
    DateTimeOffset Time,
    LogLevel Level,
    string Scope,
    IReadOnlyList<string> Spans,
    string Message,
    object? State,
    Exception? Error)
{
    private const string TemplateKey = "{OriginalFormat}";

    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One of many, about something that went as it should: rather lost than waited for.</summary>
    public bool MayBeLost => State is ILineValues && Level <= LogLevel.Information;

    public void WriteTo(IBufferWriter<byte> output, LogFormat format)
    {
        if (format == LogFormat.Json)
        {
            WriteJson(output);
        }
        else
        {
            WritePlain(output);
        }
    }

    private IReadOnlyList<KeyValuePair<string, object?>> Values =>
        State is ILineValues own ? own.Values : State as IReadOnlyList<KeyValuePair<string, object?>> ?? [];

    private string TimeText => Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private string? ErrorText => Error is null ? null : $"{Error.GetType().Name}: {Error.Message}";

    /// <summary>Who reads an error wants to know where it came from; an expected failure is told by its message.</summary>
    private string? Stack => Level >= LogLevel.Error ? Error?.StackTrace : null;

    private void WritePlain(IBufferWriter<byte> output)
    {
        var text = new LineText(output);
        text.Append(Time);
        text.Append("\t"u8);
        text.Append(LogLevels.NameOf(Level));
        text.Append("\t"u8);
        text.Append(Scope);
        foreach (var span in Spans)
        {
            text.Append(":"u8);
            text.AppendVisible(span);
        }

        text.Append("\t"u8);
        text.AppendVisible(Message);
        if (State is ILineValues own)
        {
            own.WritePlain(ref text);
        }
        else
        {
            AppendPlain(ref text, Values);
        }

        text.Field("error="u8, ErrorText);
        text.Field("stack="u8, Stack);

        text.Append("\n"u8);
        text.Complete();
    }

    private static void AppendPlain(ref LineText text, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        var template = TemplateOf(values);
        for (var index = 0; index < values.Count; index++)
        {
            var (key, value) = values[index];
            if (value is not null && key != TemplateKey && !IsInMessage(template, key))
            {
                text.BeginField();
                text.Append(key);
                text.Append("="u8);
                text.AppendValue(value);
            }
        }
    }

    private void WriteJson(IBufferWriter<byte> output)
    {
        using (var json = new Utf8JsonWriter(output, JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("level", LogLevels.NameOf(Level));
            json.WriteString("time", TimeText);
            json.WriteString("scope", Scope);
            json.WriteString("message", Message);
            foreach (var (key, value) in Values)
            {
                if (value is not null && key != TemplateKey)
                {
                    WriteJson(json, key, value);
                }
            }

            if (ErrorText is { } error)
            {
                json.WriteString("error", error);
            }

            if (Stack is { } stack)
            {
                json.WriteString("stack", stack);
            }

            if (Spans.Count > 0)
            {
                json.WriteStartArray("spans");
                foreach (var span in Spans)
                {
                    json.WriteStringValue(span);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    private static void WriteJson(Utf8JsonWriter json, string key, object value)
    {
        switch (value)
        {
            case bool flag:
                json.WriteBoolean(key, flag);
                break;
            case int or long or short or byte or ushort or uint:
                json.WriteNumber(key, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case ulong number:
                json.WriteNumber(key, number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumber(key, number);
                break;
            default:
                json.WriteString(key, LineText.TextOf(value));
                break;
        }
    }

    private static string? TemplateOf(IReadOnlyList<KeyValuePair<string, object?>> values) =>
        values.Count > 0 && values[^1].Key == TemplateKey ? values[^1].Value as string : null;

    /// <summary>What the message already says is not said again.</summary>
    private static bool IsInMessage(string? template, string key)
    {
        var at = template is null ? -1 : template.IndexOf($"{{{key}", StringComparison.Ordinal);
        return at >= 0 && template![at + key.Length + 1] is '}' or ':' or ',';
    }
}
