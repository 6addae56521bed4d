"""Short texts of offices in both languages, one a line, as titles, notices, hours, prices and telephone lists are."""

SPANISH = """\
Horario: lunes a viernes de 9:00 a 14:00
Turno A: 6:00 a 14:00
Turno B: 14:00 a 22:00
Lunes a jueves: 8:00 a 17:30
Viernes: 8:00 a 14:00
Abierto de 9 a 21 h
Cerrado domingos y festivos
Agosto: cerrado
Horario de verano: 8:00 a 15:00
Madrid: 5501
Recepción: 5500
Guardia Vigo: 5504
Teléfonos de guardia
Almacén: 5510
Fax: 910 000 000
Centralita: 900 100 200
Producto: Monitor 27 pulgadas | Precio: 189,00 € | Plazo: 10 días
Cable HDMI 2 m: 9,90 €
Tarifa plana: 12 €/mes
Precio sin IVA
Gastos de envío: 4,95 €
Menú del día: 12,50 €
Entrada general: 8 €
Manual de acogida
Permisos y vacaciones
Nóminas
Gastos de viaje
Facturación
Solicitud de baja
Normas de uso
Seguridad
Aviso legal
Correo no deseado
Plan de emergencia
Copia de seguridad
Código postal
Formulario 12
Planta 2, sala 3
Sala de reuniones A
No hay servicio
No fumar
Salida de emergencia
Marcha atrás
Error 404: página no encontrada
Contraseña caducada
Reiniciar el router
Pulse 1
Abra la aplicación
Firme aquí
Pago a 30 días
Enero a marzo
Del 1 al 15 de julio
15 de agosto
Semana 32
Entrega en 24 horas
Stock disponible
Cambio de titular
Alta de usuario
Baja voluntaria
Plazo de entrega: 5 días
Importe mínimo: 30 €
Director: Ana López
Responsable: Luis Martín
Calle Mayor 12, 3º B
Talla M
Color rojo
Garantía 2 años
Ventas
Compras
Personal
Taller
Oficina central
Delegación de Lugo
Línea 5
Parking gratuito
Wifi clientes
Tarjeta de visita
Parte de averías
Parte médico
Día 10
Firma digital
Impresora en color
Pedido 7714
Albarán
Presupuesto 2026
Reunión semanal
Acta
Objetivos
Resumen
Anexo I
Contacto
"""

ENGLISH = """\
Opening hours: Monday to Friday 9:00 to 14:00
Shift A: 6:00 to 14:00
Shift B: 14:00 to 22:00
Mon-Thu: 8:00-17:30
Friday: 8 a.m. to 2 p.m.
Open 9 to 9
Closed on Sundays
August: closed
Summer hours: 8:00 to 15:00
London: 5501
Front desk: 5500
On call: 5504
Phone list
Warehouse: 5510
Fax: 020 0000 000
Helpdesk: 0800 100 200
Product: Monitor 27 inch | Price: £189 | Delivery: 10 days
HDMI cable 2 m: £9.90
Flat rate: £12 a month
Price before tax
Shipping: £4.95
Set menu: £12.50
General admission: £8
Welcome guide
Leave and holidays
Payroll
Travel expenses
Billing
Leave request
House rules
Security
Legal notice
Junk mail
Emergency plan
Backup
Postal code
Form 12
Floor 2, room 3
Meeting room A
No service
No smoking
Emergency exit
Reverse gear
Error 404: page not found
Password expired
Restart the router
Press 1
Open the app
Sign here
Payment in 30 days
January to March
July 1 to 15
15 August
Week 32
Delivery in 24 hours
In stock
Change of owner
New user
Resignation
Delivery time: 5 days
Minimum amount: £30
Director: Jane Smith
Manager: John Brown
12 High Street
Size M
Color: red
Warranty 2 years
Sales
Purchasing
Staff
Workshop
Head office
Leeds branch
Line 5
Free parking
Guest wifi
Business card
Fault report
Sick note
Day 10
Digital signature
Color printer
Order 7714
Delivery note
Budget 2026
Weekly meeting
Minutes
Targets
Summary
Appendix I
Contact
"""
