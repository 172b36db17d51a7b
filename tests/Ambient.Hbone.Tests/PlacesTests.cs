namespace Ambient.Hbone.Tests;

/// <summary>The arithmetic of places with gaps, against places counted one by one.</summary>
public sealed class PlacesTests
{
    [Fact]
    public void Capacity_and_limit_agree_with_counting()
    {
        var random = new Random(7);
        for (var trial = 0; trial < 2_000; trial++)
        {
            var (first, each, gap) = (random.Next(10, 50), random.Next(10, 50), random.Next(1, 9));
            var places = new Places(new byte[random.Next(first, 400)], first, each, gap);
            Assert.Equal(Count(places), places.Capacity);
            var most = random.Next(1, 500);
            Assert.Equal(Math.Min(most, Count(places)), places.Limit(most).Capacity);
        }
    }

    [Fact]
    public void A_header_before_each_place_takes_its_room()
    {
        var places = new Places(new byte[10 + 3 + 20 + 3 + 20], 10, 20, 3).Behind(4);
        Assert.Equal((6, 16, 7), (places.First, places.Each, places.Gap));
        Assert.Equal(6 + 16 + 16, places.Capacity);
    }

    private static int Count(Places places)
    {
        var count = 0;
        for (var (offset, room) = (0, places.First); offset < places.Memory.Length; (offset, room) = (offset + room + places.Gap, places.Each))
        {
            count += Math.Min(room, places.Memory.Length - offset);
        }

        return count;
    }
}
