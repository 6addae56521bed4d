"""Texts of the probes that every bundle carries: short and long, in two languages, with digits and typing errors."""

PROBE_TEXTS = [
    "How do I reset my password?",
    "¿Cómo restablezco mi contraseña?",
    "refund",
    "factura??",
    "The site is down since this morning and nobody answers, this is unacceptable!!",
    "la pagina no carga desde ayer, porfa ayuda",
    "Necesito el CFDI de octubre para mi contador, el PDF que bajé no trae el RFC.",
    "My certificate expired and the browser says the connection is not private.",
    "DNS A 192.0.2.17 TTL 3600",
    "I was charged twice for the same invoice, 14.90 € each, on the 3rd and on the 5th.",
    "Backups are taken every night at 02:00 and kept for fourteen days. You can restore files, databases and "
    "mailboxes by yourself from the control panel; a restore takes between five and sixty minutes, depending on "
    "the number of files, and never deletes what was added to the folder after the backup was taken.",
    "Los cambios de servidores de nombres pueden tardar hasta 48 horas en verse en todo el mundo, porque cada "
    "operador guarda la respuesta anterior durante el tiempo que indica el TTL. Mientras tanto, unos visitantes "
    "verán el servidor antiguo y otros el nuevo, así que conviene dejar los dos encendidos.",
]
PROBE_PASSAGES = [
    (
        "How long are backups kept?",
        "Backups › Nightly copies",
        "Backups are taken every night at 02:00 and kept for fourteen days. A restore takes up to an hour.",
    ),
    (
        "¿Puedo pagar con criptomonedas?",
        "Formas de pago",
        "Se puede pagar con tarjeta, con PayPal y por transferencia. La transferencia tarda de uno a tres días.",
    ),
    ("how many minutes do I boil an egg", "Refunds", "A refund goes to the method you paid with, in ten working days."),
]
"""Question, headings and text of what verifier and cross-encoder are run on."""
