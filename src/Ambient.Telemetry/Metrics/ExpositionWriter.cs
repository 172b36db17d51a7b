using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ambient.Telemetry.Metrics;

/// <summary>The text formats that scrapers ask for.</summary>
public enum ExpositionFormat
{
    /// <summary>Prometheus text 0.0.4.</summary>
    PrometheusText,

    /// <summary>OpenMetrics 1.0.0.</summary>
    OpenMetrics,
}

/// <summary>Writes families as text into a buffer that its owner empties now and then.</summary>
internal sealed class ExpositionWriter(ExpositionFormat format)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);

    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public void Clear() => _buffer.ResetWrittenCount();

    /// <summary>
    /// OpenMetrics names a counter's family without suffix; in the Prometheus text format each sample's own name is declared.
    /// </summary>
    public void BeginFamily(MetricFamily family)
    {
        var suffix = format == ExpositionFormat.PrometheusText && family.Type == "counter" && !family.Options.BareCounterName ? "_total" : "";
        if (family.Help.Length > 0)
        {
            Append("# HELP ");
            Append(family.Name);
            Append(suffix);
            Append(" ");
            AppendEscaped(family.Help, quotes: format == ExpositionFormat.OpenMetrics);
            Append("\n");
        }

        Append("# TYPE ");
        Append(family.Name);
        Append(suffix);
        Append(" ");
        Append(format == ExpositionFormat.OpenMetrics && family.Options.BareCounterName ? "unknown" : family.Type);
        Append("\n");
    }

    public void Sample(MetricFamily family, string suffix, LabelValues labels, long value)
    {
        Append(family.Name);
        Append(suffix);
        AppendLabels(family, labels, bound: null);
        Append(" ");
        Append(value);
        Append("\n");
    }

    public void Sample(MetricFamily family, string suffix, LabelValues labels, double value)
    {
        Append(family.Name);
        Append(suffix);
        AppendLabels(family, labels, bound: null);
        Append(" ");
        Append(value == Math.Floor(value) && Math.Abs(value) < 1e15
            ? value.ToString("F0", CultureInfo.InvariantCulture)
            : Text(value));
        Append("\n");
    }

    public void Bucket(MetricFamily family, LabelValues labels, double bound, long count)
    {
        Append(family.Name);
        Append("_bucket");
        AppendLabels(family, labels, bound);
        Append(" ");
        Append(count);
        Append("\n");
    }

    public void End()
    {
        if (format == ExpositionFormat.OpenMetrics)
        {
            Append("# EOF\n");
        }
    }

    private void AppendLabels(MetricFamily family, LabelValues labels, double? bound)
    {
        if (labels.Count == 0 && bound is null)
        {
            return;
        }

        Append("{");
        for (var index = 0; index < labels.Count; index++)
        {
            Append(index == 0 ? "" : ",");
            Append(family.Options.Labels[index]);
            Append("=\"");
            AppendEscaped(labels[index], quotes: true);
            Append("\"");
        }

        if (bound is not null)
        {
            Append(labels.Count == 0 ? "" : ",");
            Append("le=\"");
            Append(Bound(bound.Value));
            Append("\"");
        }

        Append("}");
    }

    /// <summary>The same spelling of a bound in both formats, because it is part of the series' identity: 1.0, not 1.</summary>
    private static string Bound(double value) =>
        value == Math.Floor(value) && double.IsFinite(value) ? value.ToString("F1", CultureInfo.InvariantCulture) : Text(value);

    private static string Text(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private void Append(string text) => Encoding.UTF8.GetBytes(text, _buffer);

    private void Append(long value)
    {
        value.TryFormat(_buffer.GetSpan(20), out var written, default, CultureInfo.InvariantCulture);
        _buffer.Advance(written);
    }

    private void AppendEscaped(string text, bool quotes)
    {
        if (text.AsSpan().IndexOfAny('\\', '\n', '"') < 0)
        {
            Append(text);
            return;
        }

        foreach (var letter in text.EnumerateRunes())
        {
            Append(letter.Value switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '"' when quotes => "\\\"",
                _ => letter.ToString(),
            });
        }
    }
}
