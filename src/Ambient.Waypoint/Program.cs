Console.Error.WriteLine("usage: Ambient.Waypoint [proxy | version | help]");
return 2;
