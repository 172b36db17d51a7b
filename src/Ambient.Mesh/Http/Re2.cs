using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Ambient.Mesh.Http;

/// <summary>
/// Expressions in RE2's syntax, which Istio and the Gateway API promise, by the framework's engine that never backtracks: the time for a text is linear
/// in it, whatever the expression. What the two syntaxes spell differently is translated; what RE2 has not (look-around, references back) the
/// engine refuses.
/// </summary>
internal static class Re2
{
    /// <summary>The Gateway API takes 1,024 characters for a path and 4,096 for a header's value.</summary>
    private const int LongestPattern = 4096;

    /// <summary>
    /// Time is linear in the text, but an expression such as <c>.*a.{200}</c> takes tens of microseconds for each character. No usual one needs a
    /// hundredth of this for the longest path; beyond it a request is refused, so that it holds up the others of its loop no longer.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    public static Regex Compile(string pattern, bool ignoreCase = false)
    {
        if (pattern.Length > LongestPattern)
        {
            throw new FormatException($"the expression has {pattern.Length} characters; at most {LongestPattern} are taken");
        }

        try
        {
            var regex = new Regex(
                $@"\A(?:{new Translation(pattern).Text})\z",
                RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | (ignoreCase ? RegexOptions.IgnoreCase : 0),
                Patience);
            // The first match makes what all share; that is nothing for a request to wait for.
            _ = regex.IsMatch("");
            return regex;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"the expression '{pattern}' cannot be taken: {e.Message}", e);
        }
    }

    private ref struct Translation
    {
        private readonly string _pattern;
        private readonly StringBuilder _text = new();
        private int _at;

        public Translation(string pattern)
        {
            _pattern = pattern;
            var inClass = false;
            while (_at < pattern.Length)
            {
                var c = pattern[_at++];
                if (c == '\\')
                {
                    Escape(inClass);
                }
                else if (inClass)
                {
                    inClass = InClass(c);
                }
                else if (c == '[')
                {
                    inClass = true;
                    OpenClass();
                }
                else
                {
                    Plain(c);
                }
            }
        }

        public readonly string Text => _text.ToString();

        private readonly bool Follows(string text) => _pattern.AsSpan(_at).StartsWith(text, StringComparison.Ordinal);

        private void OpenClass()
        {
            _text.Append('[');
            foreach (var first in "^]")
            {
                // A bracket that comes first in a class is itself.
                if (_at < _pattern.Length && _pattern[_at] == first)
                {
                    _text.Append(first == ']' ? @"\]" : "^");
                    _at++;
                }
            }
        }

        private bool InClass(char c)
        {
            if (c == ']')
            {
                _text.Append(c);
                return false;
            }

            if (c == '[' && Follows(":") && _pattern.IndexOf(":]", _at, StringComparison.Ordinal) is var end and > 0)
            {
                var name = _pattern[(_at + 1)..end];
                _text.Append(Posix(name) ?? throw new FormatException($"the expression '{_pattern}' names the unknown class [:{name}:]"));
                _at = end + 2;
                return true;
            }

            if (!char.IsAscii(c))
            {
                throw new FormatException($"the expression '{_pattern}' has '{c}' in a class; there only ASCII is taken");
            }

            // The framework would subtract a class that follows a hyphen.
            _text.Append(c == '[' ? @"\[" : c);
            return true;
        }

        private void Plain(char c)
        {
            if (c == '(' && Follows("?P<"))
            {
                _text.Append("(?<");
                _at += 3;
            }
            else if (c == '$')
            {
                // The framework's would also hold before a last line feed.
                _text.Append(@"\z");
            }
            else if (char.IsAscii(c))
            {
                _text.Append(c);
            }
            else
            {
                var length = char.IsHighSurrogate(c) && _at < _pattern.Length ? 2 : 1;
                _text.Append("(?:").Append(WireText.Of(_pattern.Substring(_at - 1, length))).Append(')');
                _at += length - 1;
            }
        }

        private void Escape(bool inClass)
        {
            if (_at == _pattern.Length)
            {
                throw new FormatException($"the expression '{_pattern}' ends with a backslash");
            }

            var c = _pattern[_at++];
            switch (c)
            {
                case 'Q' when !inClass:
                    var end = _pattern.IndexOf(@"\E", _at, StringComparison.Ordinal);
                    _text.Append(Regex.Escape(WireText.Of(end < 0 ? _pattern[_at..] : _pattern[_at..end])));
                    _at = end < 0 ? _pattern.Length : end + 2;
                    break;
                case 'd' or 'w' or 's':
                    _text.Append(inClass ? Perl(c) : $"[{Perl(c)}]");
                    break;
                case 'D' or 'W' or 'S' when !inClass:
                    _text.Append(CultureInfo.InvariantCulture, $"[^{Perl(char.ToLowerInvariant(c))}]");
                    break;
                case 'D' or 'W' or 'S' or 'C':
                    throw new FormatException($"the expression '{_pattern}' has \\{c} where it cannot be taken");
                case 'p' or 'P' when _at < _pattern.Length && _pattern[_at] != '{':
                    _text.Append('\\').Append(c).Append('{').Append(_pattern[_at++]).Append('}');
                    break;
                default:
                    _text.Append('\\').Append(c);
                    break;
            }
        }

        private static string Perl(char c) => c switch
        {
            'd' => "0-9",
            'w' => "0-9A-Za-z_",
            _ => @"\t\n\f\r ",
        };

        private static string? Posix(string name) => name switch
        {
            "alnum" => "0-9A-Za-z",
            "alpha" => "A-Za-z",
            "ascii" => @"\x00-\x7F",
            "blank" => @"\t ",
            "cntrl" => @"\x00-\x1F\x7F",
            "digit" => "0-9",
            "graph" => "!-~",
            "lower" => "a-z",
            "print" => " -~",
            "punct" => @"!-/:-@\[-`{-~",
            "space" => @"\t\n\v\f\r ",
            "upper" => "A-Z",
            "word" => "0-9A-Za-z_",
            "xdigit" => "0-9A-Fa-f",
            _ => null,
        };
    }
}
