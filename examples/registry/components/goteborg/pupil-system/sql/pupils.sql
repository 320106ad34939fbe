-- Pupils with a placement today, and when they last changed.
-- The process runs the same text; this copy is for reading and for trying it by hand.
SELECT e.ElevId, e.Fornamn, e.Efternamn, p.SkolenhetKod, p.Arskurs, e.Andrad
FROM Elev AS e
JOIN Placering AS p ON p.ElevId = e.ElevId
WHERE p.Kommunkod = @kommunkod
  AND e.SkyddadIdentitet = 0
  AND p.Startdatum <= CAST(GETDATE() AS date)
  AND (p.Slutdatum IS NULL OR p.Slutdatum >= CAST(GETDATE() AS date))
  AND e.Andrad > @senast
ORDER BY e.ElevId;
