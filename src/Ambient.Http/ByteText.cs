using System.Text;

namespace Ambient.Http;

/// <summary>
/// A short text as bytes, and as a string when somebody asks. Set to the same bytes again, as the requests of one client mostly are, it keeps
/// the string.
/// </summary>
internal sealed class ByteText
{
    private byte[] _bytes = [];
    private int _length;
    private string? _text;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public int Length => _length;

    public string Text => _text ??= Encoding.Latin1.GetString(Bytes);

    public void Set(ReadOnlySpan<byte> bytes)
    {
        if (bytes.SequenceEqual(Bytes))
        {
            return;
        }

        bytes.CopyTo(Room(bytes.Length));
        _length = bytes.Length;
        _text = null;
    }

    public void Set(string text)
    {
        Encoding.Latin1.GetBytes(text, Room(text.Length));
        _length = text.Length;
        _text = text;
    }

    private Span<byte> Room(int length)
    {
        if (_bytes.Length < length)
        {
            _bytes = new byte[Math.Max(64, length)];
        }

        return _bytes;
    }
}
