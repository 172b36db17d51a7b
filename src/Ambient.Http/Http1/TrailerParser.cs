using Ambient.Http.Fields;

namespace Ambient.Http.Http1;

/// <summary>Fields behind the last chunk: held to the same grammar as others, and dropped, as Envoy does.</summary>
internal sealed class TrailerParser : HeadParser
{
    private readonly FieldList _dropped = new();

    public TrailerParser(HttpLimits limits)
        : base(limits) => Reset();

    protected override FieldList Fields => _dropped;

    protected override bool HasStartLine => false;

    public override void Reset()
    {
        base.Reset();
        _dropped.Clear();
    }

    protected override bool MayStart(byte first) => true;

    protected override bool ReadStartLine(ReadOnlySpan<byte> line) => true;

    protected override bool ReadField(FieldKind kind, int nameLength, ReadOnlySpan<byte> value) => true;

    protected override bool Finish()
    {
        _dropped.Clear();
        return true;
    }
}
